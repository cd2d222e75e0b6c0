/* 3x3 convolution of stride 1 with less than half the multiplications: Winograd's F(2x2, 3x3), as in
 * Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308, 2015),
 * section 4. Included once by winograd_bf16.c and once by winograd_fp32.c, after they have defined
 *
 *   DEPTH                     channels of a cell
 *   WINOGRAD                  the exported function's name
 *   multiplied(sum, weight, x)
 *                             sum + weight * x
 *   ON_MATRIX                 where matrix.h multiplies instead; it defines this itself
 *
 * Outputs are computed in tiles of 2x2. A tile reads 4x4 positions; sums and differences of those are
 * its 16 components, each of which is multiplied by a matrix of its own; sums and differences of the
 * products are the outputs. So 16 multiplications stand for 36.
 *
 * The tiles of a vector lie anywhere: it is read from several places and written to them, so that
 * masks leave no lanes idle.
 *
 * What an output is made of does not depend on the list: nothing of the positions beyond its own 3x3
 * ever comes into it, for the components that hold them do not come into it either. */
#include "groups.h"

enum {
#ifdef ON_MATRIX
    CHUNK_OUTPUTS = MOST_MATRIX_OUTPUTS,
    MORE_PLANES = MATRIX_SLACK,
#else
    CHUNK_OUTPUTS = 4 * BLOCK_OUTPUTS, /* computed for all components before any is put together: in the cache */
    MORE_PLANES = 0,
#endif
    MAX_PLANES = 384,   /* of the source */
    SPREAD = 5 * LANES, /* cells between components: else all fall into few cache sets */
    PRODUCT_STRIDE = CHUNK_OUTPUTS * GROUP_LANES + SPREAD, /* from a component to the next */
};

/* The components of a group: of the source's planes, and of the outputs of a chunk. */
static _Thread_local _Alignas(64) Cell inputs[COMPONENTS * ((MAX_PLANES + MORE_PLANES) * GROUP_LANES + SPREAD)];
static _Thread_local _Alignas(64) float products[COMPONENTS * PRODUCT_STRIDE];

/* The components of a vector, of one plane; `stride`: from a component to the next. */
INLINE void split_plane(const Places *places, int64_t offset, int whole, Cell *to, int64_t stride) {
    Ints cells[SIDE][SIDE];
    Floats x[2][SIDE][SIDE];
    if (whole) load_whole(places, offset, cells);
    else load_tiles(places, offset, cells);
#pragma GCC unroll 2
    for (int c = 0; c < DEPTH; c++) {
#pragma GCC unroll 16
        for (int i = 0; i < COMPONENTS; i++) x[c][i / SIDE][i % SIDE] = channel_of(cells[i / SIDE][i % SIDE], c, DEPTH);
        split_channel(x[c]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < COMPONENTS; i++) {
        const Floats both[2] = {x[0][i / SIDE][i % SIDE], DEPTH == 2 ? x[1][i / SIDE][i % SIDE] : filled(0)};
        _mm512_store_si512(to + i * stride, cells_of(both, DEPTH));
    }
}

INLINE int64_t input_stride(const Conv *conv) { return (conv->source[0].planes + MORE_PLANES) * GROUP_LANES + SPREAD; }

/* The components of all planes for a vector. */
INLINE void split_vector(const Conv *conv, const Places *places, int whole, Cell *to) {
    const Map *source = &conv->source[0];
    for (int plane = 0; plane < source->planes; plane++, to += GROUP_LANES)
        split_plane(places, plane * source->plane_stride, whole, to, input_stride(conv));
}

APART void split_whole(const Conv *conv, const Places *places, Cell *to) { split_vector(conv, places, 1, to); }

APART void split_parts(const Conv *conv, const Places *places, Cell *to) { split_vector(conv, places, 0, to); }

/* Ask for what a group writes next, the outputs `first` to `end - 1`: one of so many shares. */
INLINE void fetch_target(const Conv *conv, const Group *group, int first, int end, int share, int shares) {
    const int count = group->count * ((end - first) / DEPTH);
    for (int i = count * share / shares; i < count * (share + 1) / shares; i++) {
        const int vector = i % group->count, plane = first / DEPTH + i / group->count;
        fetch_rows(&group->target[vector], plane * conv->target.plane_stride);
        if (conv->raw.cells) fetch_rows(&group->raw[vector], plane * conv->raw.plane_stride);
    }
}

#ifdef ON_MATRIX
INLINE Cut cut_for(const Conv *conv) { return cut_of(even_outputs(conv), conv->source[0].planes); }

INLINE int chunk_outputs(const Conv *conv) { return matrix_outputs(cut_for(conv)); }

/* Put zeros behind the components of the last plane. */
INLINE void fill_up(const Conv *conv) {
    for (int part = 0; part < COMPONENTS; part++)
        matrix_fill_up(cut_for(conv), inputs + part * input_stride(conv), conv->source[0].planes);
}

/* All components of the outputs `first` to `end - 1`. */
APART void multiply_chunk(const Conv *conv, const Group *group, Asking *asking, int first, int end) {
    const Cut cut = cut_for(conv);
    for (int part = 0; part < COMPONENTS; part++) {
        for (int o = first; o < end; o += BLOCK_OUTPUTS) ask(asking);
        fetch_target(conv, group, first, end, part, COMPONENTS);
        const Cell *weights = conv->weights + part * cut.output_parts * matrix_weights(cut);
        const Cell *x = inputs + part * input_stride(conv);
        matrix_product(cut, weights, x, first, vectors_of(group), products + part * PRODUCT_STRIDE);
    }
}
#else
INLINE int chunk_outputs(const Conv *conv) {
    (void)conv;
    return CHUNK_OUTPUTS;
}

INLINE void fill_up(const Conv *conv) { (void)conv; }

/* One component of some outputs for so many vectors of tiles. */
INLINE void multiply(const Cell *weights, const Cell *x, int planes, float *to, int vectors, int outputs) {
    Floats sums[BLOCK_OUTPUTS][GROUP_VECTORS];
#pragma GCC unroll 6
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) sums[o][v] = filled(0);
    for (int plane = 0; plane < planes; plane++, weights += outputs, x += GROUP_LANES) {
        __builtin_prefetch(weights + WEIGHTS_AHEAD);
        add_products(sums, weights, x, vectors, outputs);
    }
    store_sums(sums, to, vectors, outputs);
}

INLINE void multiply_some(const Cell *weights, const Cell *x, int planes, float *to, int vectors, int outputs) {
    switch (outputs) {
        case 6: multiply(weights, x, planes, to, vectors, 6); break;
        case 4: multiply(weights, x, planes, to, vectors, 4); break;
        default: multiply(weights, x, planes, to, vectors, 2); break;
    }
}

/* All components of the outputs `first` to `end - 1`, both even. */
APART void multiply_chunk(const Conv *conv, const Group *group, Asking *asking, int first, int end) {
    const int planes = conv->source[0].planes, outputs = even_outputs(conv);
    const int shares = COMPONENTS * blocks_of(end - first);
    int share = 0;
    for (int part = 0; part < COMPONENTS; part++)
        for (int o = first; o < end; o += BLOCK_OUTPUTS, share++) {
            ask(asking);
            fetch_target(conv, group, first, end, share, shares);
            const Cell *weights = conv->weights + ((int64_t)part * outputs + o) * planes;
            const Cell *x = inputs + part * input_stride(conv);
            float *to = products + part * PRODUCT_STRIDE + (o - first) * GROUP_LANES;
            const int size = end - o < BLOCK_OUTPUTS ? end - o : BLOCK_OUTPUTS;
            if (vectors_of(group) == GROUP_VECTORS) multiply_some(weights, x, planes, to, GROUP_VECTORS, size);
            else multiply_some(weights, x, planes, to, GROUP_VECTORS / 2, size);
        }
}
#endif

/* The 2x2 outputs of a vector from their products. */
INLINE void join_vector(const float *from, Floats outputs[2][2]) {
    Floats components[SIDE][SIDE];
#pragma GCC unroll 16
    for (int i = 0; i < COMPONENTS; i++) components[i % SIDE][i / SIDE] = load_floats(from + i * PRODUCT_STRIDE);
    join(components, outputs);
}

/* Store what is made for two rows of tiles: of each channel, row and column. */
INLINE void store_made(const Places *places, int64_t offset, Floats made[2][2][2]) {
    Ints rows[2][2];
#pragma GCC unroll 2
    for (int y = 0; y < 2; y++) {
        const Floats even[2] = {made[0][y][0], made[DEPTH - 1][y][0]}, odd[2] = {made[0][y][1], made[DEPTH - 1][y][1]};
        interleave(cells_of(even, DEPTH), cells_of(odd, DEPTH), rows[y]);
    }
    store_rows(places, offset, rows);
}

/* The epilogue: the outputs of one plane of a vector, whose products begin at `from`. */
APART void write_plane(const Conv *conv, const Group *group, int vector, int64_t plane, const float *from) {
    Floats made[2][2][2];
    Ints added[2][2] = {{filled_ints(0)}};
#pragma GCC unroll 2
    for (int c = 0; c < DEPTH; c++) {
        join_vector(from + c * GROUP_LANES, made[c]);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) made[c][i / 2][i % 2] += filled(conv->bias[plane * DEPTH + c]);
    }
    if (conv->raw.cells) store_made(&group->raw[vector], plane * conv->raw.plane_stride, made);
    if (conv->residual.cells) load_rows(&group->residual[vector], plane * conv->residual.plane_stride, added);
#pragma GCC unroll 2
    for (int c = 0; c < DEPTH; c++)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            Floats *one = &made[c][i / 2][i % 2];
            if (conv->shift) *one += filled(conv->shift[plane * DEPTH + c]);
            if (conv->residual.cells) *one += channel_of(every_other(added[i / 2][0], added[i / 2][1], i % 2), c, DEPTH);
            if (conv->relu) *one = relued(*one);
        }
    store_made(&group->target[vector], plane * conv->target.plane_stride, made);
}

static void compute(const Conv *conv, const Group *group, const Group *next) {
    const int outputs = even_outputs(conv), chunk = chunk_outputs(conv);
    Asking asking = asking_for(conv, next, COMPONENTS * blocks_of(outputs));
    for (int v = 0; v < group->count; v++)
        (is_whole(&group->source[v]) ? split_whole : split_parts)(conv, &group->source[v], inputs + v * LANES);
    fill_up(conv);
    for (int first = 0; first < outputs; first += chunk) {
        const int end = first + chunk < outputs ? first + chunk : outputs;
        multiply_chunk(conv, group, &asking, first, end);
        for (int v = 0; v < group->count; v++)
            for (int o = first; o < end && o < conv->outputs; o += DEPTH)
                write_plane(conv, group, v, o / DEPTH, products + (o - first) * GROUP_LANES + v * LANES);
    }
}

/* Find the tiles that windows write. */
static void find_rows(const Map *map, const Window *windows, int count, Places *places) {
    find_tiles(map, windows, count, 0, places);
}

/* Compute the listed positions of the target; as conv_bf16() and conv_fp32() of conv.h. The first window
 * begins a vector. Weights are cells [component][block][plane][output of the block], or for each component
 * as matrix.h cuts them; one source of MAX_PLANES planes at most. */
EXPORT int WINOGRAD(
    const Conv *conv, const Window *windows, int64_t count, int64_t behind, int threads, const int32_t *give_up
) {
    int given_up = 0;
    const Task task = {
        conv, windows, count + behind, compute, find_rows, give_up, &given_up,
#ifdef ON_MATRIX
        cut_for(conv),
#endif
    };
    shared_out(run_windows, &task, count, threads);
    return !given_up;
}
