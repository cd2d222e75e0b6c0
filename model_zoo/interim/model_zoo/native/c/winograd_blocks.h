/* 3x3 convolution of stride 1 with less than half the multiplications: Winograd's F(2x2, 3x3), as in
 * Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308, 2015),
 * section 4. Included once by winograd_bf16.c and once by winograd_fp32.c, after they have defined
 *
 *   DEPTH                     channels of a cell
 *   WINOGRAD                  the exported function's name
 *   multiplied(sum, weight, x)
 *                             sum + weight * x
 *
 * Outputs are computed in tiles of 2x2. A tile reads 4x4 positions; sums and differences of those are
 * its 16 components, each of which is multiplied by a matrix of its own; sums and differences of the
 * products are the outputs. So 16 multiplications stand for 36.
 *
 * Tiles are gathered: the components of any GROUP_TILES listed tiles lie side by side, whatever lay
 * between them in the map, so that masks leave no lanes idle where the work is.
 *
 * What an output is made of does not depend on the list: nothing of the positions beyond its own 3x3
 * ever comes into it, for the components that hold them do not come into it either. */
#include "conv.h"
#include "threads.h"
#include "tiles.h"

enum {
    GROUP_TILES = 64,
    GROUP_VECTORS = GROUP_TILES / LANES,
    CHUNK_OUTPUTS = 4 * BLOCK_OUTPUTS, /* computed for all components before any is put together: in the cache */
    ALL = 0xffff,
    NEARLY_ALL = 13,     /* so many tiles of a window are not worth telling from 16 */
    MAX_PLANES = 384,    /* of the source */
    WEIGHTS_AHEAD = 256, /* cells */
    AHEAD = 2,           /* planes: so much earlier is asked for what will be read or written */
    SPREAD = 5 * LANES,  /* cells between components: else all fall into few cache sets */
    PRODUCT_STRIDE = CHUNK_OUTPUTS * GROUP_TILES + SPREAD, /* from a component to the next */
};

/* Apart, each has the registers to itself. */
#define APART static __attribute__((noinline))

/* Some tiles of a window, and where in the group theirs begin. */
typedef struct {
    const Window *window;
    uint16_t lanes;
    int first;
} Piece;

typedef struct {
    Piece pieces[GROUP_TILES];
    int count, tiles;
} Group;

/* The components of a group: of the source's planes, and of the outputs of a chunk. */
static _Thread_local _Alignas(64) Cell inputs[COMPONENTS * (MAX_PLANES * GROUP_TILES + SPREAD)];
static _Thread_local _Alignas(64) float products[COMPONENTS * PRODUCT_STRIDE];

/* The components of the tiles of a piece, of one plane; `stride`: from a component to the next. */
INLINE void split_plane(const Cell *const *rows, int64_t offset, uint16_t lanes, Cell *to, int64_t stride) {
    Ints cells[SIDE][SIDE];
    Floats x[2][SIDE][SIDE];
#pragma GCC unroll 4
    for (int y = 0; y < SIDE; y++) load_tiles(rows[y] + offset, cells[y]);
#pragma GCC unroll 2
    for (int c = 0; c < DEPTH; c++) {
#pragma GCC unroll 16
        for (int i = 0; i < COMPONENTS; i++) x[c][i / SIDE][i % SIDE] = channel_of(cells[i / SIDE][i % SIDE], c, DEPTH);
        split_channel(x[c]);
    }
    const Lanes kept = (Lanes)((1u << __builtin_popcount(lanes)) - 1);
    const Ints order = _mm512_maskz_compress_epi32(lanes, counted_ints(0));
#pragma GCC unroll 16
    for (int i = 0; i < COMPONENTS; i++) {
        const Floats both[2] = {x[0][i / SIDE][i % SIDE], DEPTH == 2 ? x[1][i / SIDE][i % SIDE] : filled(0)};
        const Ints made = cells_of(both, DEPTH);
        if (lanes == ALL) _mm512_storeu_si512(to + i * stride, made);
        else _mm512_mask_storeu_epi32(to + i * stride, kept, _mm512_permutexvar_epi32(order, made));
    }
}

INLINE int64_t input_stride(const Conv *conv) { return conv->source[0].planes * GROUP_TILES + SPREAD; }

/* The components of all planes for a piece. A row below the border is never read: only positions that
 * do not exist would use it. */
APART void split_piece(const Conv *conv, const Piece *piece) {
    const Map *source = &conv->source[0];
    const Window *window = piece->window;
    const Cell *rows[SIDE];
    for (int y = 0; y < SIDE; y++) {
        const int row = 2 * window->y - 1 + y;
        rows[y] = cell_at(source, window->image, row < source->height ? row : source->height, 2 * window->x);
    }
    for (int plane = 0; plane < source->planes; plane++) {
        for (int y = 0; y < SIDE; y++) {
            const Cell *ahead = rows[y] + (plane + AHEAD) * source->plane_stride;
            __builtin_prefetch(ahead);
            __builtin_prefetch(ahead + LANES);
        }
        split_plane(
            rows, plane * source->plane_stride, piece->lanes, inputs + plane * GROUP_TILES + piece->first,
            input_stride(conv)
        );
    }
}

/* One component of some outputs for so many vectors of tiles. */
INLINE void multiply(const Cell *weights, const Cell *x, int planes, float *to, int vectors, int outputs) {
    Floats sums[BLOCK_OUTPUTS][GROUP_VECTORS];
#pragma GCC unroll 6
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) sums[o][v] = filled(0);
    for (int plane = 0; plane < planes; plane++, weights += outputs, x += GROUP_TILES) {
        __builtin_prefetch(weights + WEIGHTS_AHEAD);
        Ints part[GROUP_VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) part[v] = load_cells(x + v * LANES);
#pragma GCC unroll 6
        for (int o = 0; o < outputs; o++) {
            const Ints weight = filled_ints((int32_t)weights[o]);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) sums[o][v] = multiplied(sums[o][v], weight, part[v]);
        }
    }
#pragma GCC unroll 6
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) _mm512_store_ps(to + o * GROUP_TILES + v * LANES, sums[o][v]);
}

INLINE void multiply_some(const Cell *weights, const Cell *x, int planes, float *to, int vectors, int outputs) {
    switch (outputs) {
        case 6: multiply(weights, x, planes, to, vectors, 6); break;
        case 4: multiply(weights, x, planes, to, vectors, 4); break;
        default: multiply(weights, x, planes, to, vectors, 2); break;
    }
}

/* All components of the outputs `first` to `end - 1`; both are even. */
APART void multiply_chunk(const Conv *conv, int tiles, int first, int end, int outputs) {
    const int planes = conv->source[0].planes;
    for (int part = 0; part < COMPONENTS; part++)
        for (int o = first; o < end; o += BLOCK_OUTPUTS) {
            const Cell *weights = conv->weights + ((int64_t)part * outputs + o) * planes;
            const Cell *x = inputs + part * input_stride(conv);
            float *to = products + part * PRODUCT_STRIDE + (o - first) * GROUP_TILES;
            const int size = end - o < BLOCK_OUTPUTS ? end - o : BLOCK_OUTPUTS;
            if (tiles > GROUP_TILES / 2) multiply_some(weights, x, planes, to, GROUP_VECTORS, size);
            else multiply_some(weights, x, planes, to, GROUP_VECTORS / 2, size);
        }
}

/* The 2x2 outputs of a piece's tiles from their products. */
INLINE void join_piece(const float *from, uint16_t lanes, Floats outputs[2][2]) {
    const Ints order = _mm512_maskz_expand_epi32(lanes, counted_ints(0));
    Floats components[SIDE][SIDE];
#pragma GCC unroll 16
    for (int i = 0; i < COMPONENTS; i++) {
        const Floats found = load_floats(from + i * PRODUCT_STRIDE);
        components[i % SIDE][i / SIDE] = lanes == ALL ? found : permuted(found, order);
    }
    join(components, outputs);
}

/* The epilogue: the outputs of one plane of the target, whose products begin at `from`. */
APART void write_plane(const Conv *conv, const Piece *piece, int64_t plane, const float *from) {
    const Window *window = piece->window;
    const uint32_t mine = 3 * _pdep_u32(piece->lanes, 0x55555555);
    const uint32_t listed[2] = {window->above & mine, window->below & mine};
    Floats sums[2][2][2];
#pragma GCC unroll 2
    for (int c = 0; c < DEPTH; c++) join_piece(from + c * GROUP_TILES, piece->lanes, sums[c]);
#pragma GCC unroll 2
    for (int y = 0; y < 2; y++) {
        if (!listed[y]) continue;
        const int64_t row = 2 * window->y + y, column = 2 * window->x;
        const Cell *beside = conv->residual.cells
            ? cell_at(&conv->residual, window->image, row, column) + plane * conv->residual.plane_stride
            : NULL;
        Ints cells[2];
#pragma GCC unroll 2
        for (int x = 0; x < 2; x++) {
            Floats made[2];
#pragma GCC unroll 2
            for (int c = 0; c < DEPTH; c++) {
                made[c] = sums[c][y][x] + filled(conv->bias[plane * DEPTH + c]);
                if (beside) {
                    const Ints added = every_other(load_cells(beside), load_cells(beside + LANES), x);
                    made[c] = made[c] + channel_of(added, c, DEPTH);
                }
                if (conv->relu) made[c] = relued(made[c]);
            }
            cells[x] = cells_of(made, DEPTH);
        }
        Cell *at = cell_at(&conv->target, window->image, row, column) + plane * conv->target.plane_stride;
        __builtin_prefetch(at + AHEAD * conv->target.plane_stride, 1);
        __builtin_prefetch(at + AHEAD * conv->target.plane_stride + LANES, 1);
        store_row(at, listed[y], cells[0], cells[1]);
    }
}

typedef struct {
    const Conv *conv;
    const Window *windows;
    const int32_t *give_up;
    int *given_up;
} Task;

INLINE int is_set(const int32_t *flag) { return flag != NULL && __atomic_load_n(flag, __ATOMIC_RELAXED) != 0; }

/* Compute a group, of one tile or more, and empty it; returns 0 when that is given up. */
INLINE int run_group(const Task *task, Group *group) {
    const Conv *conv = task->conv;
    const int outputs = conv->outputs + (conv->outputs & 1);
    if (is_set(task->give_up)) {
        __atomic_store_n(task->given_up, 1, __ATOMIC_RELAXED);
        return 0;
    }
    for (int i = 0; i < group->count; i++) split_piece(conv, &group->pieces[i]);
    for (int first = 0; first < outputs; first += CHUNK_OUTPUTS) {
        const int end = first + CHUNK_OUTPUTS < outputs ? first + CHUNK_OUTPUTS : outputs;
        multiply_chunk(conv, group->tiles, first, end, outputs);
        for (int i = 0; i < group->count; i++)
            for (int o = first; o < end && o < conv->outputs; o += DEPTH) {
                const Piece *piece = &group->pieces[i];
                write_plane(conv, piece, o / DEPTH, products + (o - first) * GROUP_TILES + piece->first);
            }
    }
    group->count = group->tiles = 0;
    return 1;
}

/* Which tiles of a window have listed positions, or all. */
static uint16_t tiles_of(const Window *window) {
    const uint32_t listed = window->above | window->below;
    const uint16_t tiles = (uint16_t)_pext_u32(listed | listed >> 1, 0x55555555);
    return __builtin_popcount(tiles) >= NEARLY_ALL ? ALL : tiles;
}

/* Put as many of these tiles into a group as it has room for; returns those that are left. */
static uint16_t add_piece(Group *group, const Window *window, uint16_t tiles) {
    const int room = GROUP_TILES - group->tiles;
    const uint16_t taken = room < LANES ? (uint16_t)_pdep_u32((1u << room) - 1, tiles) : tiles;
    group->pieces[group->count++] = (Piece){window, taken, group->tiles};
    group->tiles += __builtin_popcount(taken);
    return tiles & (uint16_t)~taken;
}

/* Move what is in a group to another that has room for it. */
static void move_pieces(Group *from, Group *to) {
    for (int i = 0; i < from->count; i++) {
        to->pieces[to->count] = from->pieces[i];
        to->pieces[to->count++].first += to->tiles;
    }
    to->tiles += from->tiles;
    from->count = from->tiles = 0;
}

/* Windows `begin` to `end - 1`. Whole ones have a group of their own, which they fill without a rest; others
 * are cut where one is full. */
static void run_windows(const void *given, int64_t begin, int64_t end) {
    const Task *task = given;
    Group wholes = {.count = 0, .tiles = 0}, parts = {.count = 0, .tiles = 0};
    for (int64_t i = begin; i < end; i++) {
        const Window *window = &task->windows[i];
        uint16_t tiles = tiles_of(window);
        Group *group = tiles == ALL ? &wholes : &parts;
        while (tiles) {
            tiles = add_piece(group, window, tiles);
            if (group->tiles == GROUP_TILES && !run_group(task, group)) return;
        }
    }
    if (wholes.tiles + parts.tiles <= GROUP_TILES) move_pieces(&parts, &wholes);
    if (wholes.tiles && !run_group(task, &wholes)) return;
    if (parts.tiles) run_group(task, &parts);
}

/* Compute the listed positions of the target; as conv_bf16() and conv_fp32() of conv.h. Weights are
 * cells [component][block][plane][output of the block]; one source of MAX_PLANES planes at most, no
 * shift, no raw map. */
EXPORT int WINOGRAD(const Conv *conv, const Window *windows, int64_t count, int threads, const int32_t *give_up) {
    int given_up = 0;
    const Task task = {conv, windows, give_up, &given_up};
    shared_out(run_windows, &task, count, threads);
    return !given_up;
}
