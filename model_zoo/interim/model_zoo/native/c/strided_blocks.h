/* 3x3 convolution of stride 2 at positions anywhere. Included once by strided_bf16.c and once by
 * strided_fp32.c, after they have defined
 *
 *   DEPTH                     channels of a cell
 *   STRIDED_CONV              the exported function's name
 *   multiplied(sum, weight, x)
 *                             sum + weight * x
 *   ON_MATRIX                 where matrix.h multiplies instead; it defines this itself
 *
 * A position reads nine taps of what a tile of the source does. They are put side by side once, for all
 * outputs, and added up in the order of conv_blocks.h: the sums are the same to the last bit. */
#include "groups.h"

enum {
    TAPS = 9,
    MAX_PLANES = 256, /* of the source */
#ifdef ON_MATRIX
    MORE_ROWS = MATRIX_SLACK,
    SUMS = MOST_MATRIX_OUTPUTS,
#else
    MORE_ROWS = 0,
    SUMS = BLOCK_OUTPUTS,
#endif
};

/* The taps of a group, and the sums of some outputs. */
static _Thread_local _Alignas(64) Cell inputs[(MAX_PLANES * TAPS + MORE_ROWS) * GROUP_LANES];
static _Thread_local _Alignas(64) float some_sums[SUMS * GROUP_LANES];

/* The taps of a vector, of all planes. */
INLINE void gather(const Conv *conv, const Places *places, int whole, Cell *to) {
    const Map *source = &conv->source[0];
    for (int plane = 0; plane < source->planes; plane++) {
        Ints cells[SIDE][SIDE];
        if (whole) load_whole(places, plane * source->plane_stride, cells);
        else load_tiles(places, plane * source->plane_stride, cells);
#pragma GCC unroll 9
        for (int tap = 0; tap < TAPS; tap++, to += GROUP_LANES) _mm512_store_si512(to, cells[tap / 3][tap % 3]);
    }
}

APART void gather_whole(const Conv *conv, const Places *places, Cell *to) { gather(conv, places, 1, to); }

APART void gather_parts(const Conv *conv, const Places *places, Cell *to) { gather(conv, places, 0, to); }

#ifdef ON_MATRIX
INLINE Cut cut_for(const Conv *conv) { return cut_of(even_outputs(conv), (int64_t)conv->source[0].planes * TAPS); }

INLINE int some_outputs(const Conv *conv) { return matrix_outputs(cut_for(conv)); }

/* The sums of the outputs `first` to `end - 1`, bias included. */
APART void multiply(const Conv *conv, const Group *group, Asking *asking, int first, int end, Cell *x, float *to) {
    const Cut cut = cut_for(conv);
    if (first == 0) matrix_fill_up(cut, x, (int64_t)conv->source[0].planes * TAPS);
    for (int i = 0; i < conv->source[0].planes * blocks_of(end - first); i++) ask(asking);
    matrix_product(cut, conv->weights, x, first, vectors_of(group), to);
    for (int o = first; o < end; o++, to += GROUP_LANES)
        for (int v = 0; v < group->count; v++)
            _mm512_store_ps(to + v * LANES, load_floats(to + v * LANES) + filled(conv->bias[o]));
}
#else
INLINE int some_outputs(const Conv *conv) {
    (void)conv;
    return BLOCK_OUTPUTS;
}

/* The sums of a block of outputs, of so many vectors. */
INLINE void multiply_block(
    const Cell *weights, const float *bias, const Cell *x, int planes, float *to, int vectors, int outputs, Asking *asking
) {
    Floats sums[BLOCK_OUTPUTS][GROUP_VECTORS];
#pragma GCC unroll 6
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) sums[o][v] = filled(bias[o]);
    for (int plane = 0; plane < planes; plane++) {
        ask(asking);
        for (int tap = 0; tap < TAPS; tap++, weights += outputs, x += GROUP_LANES) {
            add_products(sums, weights, x, vectors, outputs);
        }
    }
    store_sums(sums, to, vectors, outputs);
}

INLINE void multiply_some(
    const Cell *weights, const float *bias, const Cell *x, int planes, float *to, int vectors, int outputs, Asking *asking
) {
    switch (outputs) {
        case 6: multiply_block(weights, bias, x, planes, to, vectors, 6, asking); break;
        case 4: multiply_block(weights, bias, x, planes, to, vectors, 4, asking); break;
        default: multiply_block(weights, bias, x, planes, to, vectors, 2, asking); break;
    }
}

/* The sums of the outputs `first` to `end - 1`, bias included. */
APART void multiply(const Conv *conv, const Group *group, Asking *asking, int first, int end, const Cell *x, float *to) {
    const Cell *weights = conv->weights + first * conv->taps;
    const float *bias = conv->bias + first;
    const int planes = conv->source[0].planes, outputs = end - first;
    if (vectors_of(group) == GROUP_VECTORS)
        multiply_some(weights, bias, x, planes, to, GROUP_VECTORS, outputs, asking);
    else multiply_some(weights, bias, x, planes, to, GROUP_VECTORS / 2, outputs, asking);
}
#endif

/* The epilogue: the outputs of one plane of a vector. */
INLINE void write_plane(const Conv *conv, const Group *group, int vector, int64_t plane, const float *from) {
    Floats made[2];
#pragma GCC unroll 2
    for (int c = 0; c < DEPTH; c++) made[c] = load_floats(from + c * GROUP_LANES);
    if (conv->raw.cells) store_positions(&group->raw[vector], plane * conv->raw.plane_stride, cells_of(made, DEPTH));
    Ints added = filled_ints(0);
    if (conv->residual.cells)
        load_half(&group->residual[vector].halves[0], 0, plane * conv->residual.plane_stride, 1, &added);
#pragma GCC unroll 2
    for (int c = 0; c < DEPTH; c++) {
        if (conv->shift) made[c] += filled(conv->shift[plane * DEPTH + c]);
        if (conv->residual.cells) made[c] += channel_of(added, c, DEPTH);
        if (conv->relu) made[c] = relued(made[c]);
    }
    store_positions(&group->target[vector], plane * conv->target.plane_stride, cells_of(made, DEPTH));
}

/* Ask for what some outputs are added to and written to. */
INLINE void fetch_target(const Conv *conv, const Group *group, int first, int end) {
    for (int o = first; o < end && o < conv->outputs; o += DEPTH)
        for (int v = 0; v < group->count; v++) {
            fetch_positions(&group->target[v], o / DEPTH * conv->target.plane_stride);
            if (conv->raw.cells) fetch_positions(&group->raw[v], o / DEPTH * conv->raw.plane_stride);
        }
}

static void compute(const Conv *conv, const Group *group, const Group *next) {
    const int outputs = even_outputs(conv), some = some_outputs(conv);
    Asking asking = asking_for(conv, next, (int64_t)blocks_of(outputs) * conv->source[0].planes);
    Cell *x = inputs;
    float *sums = some_sums;
    for (int v = 0; v < group->count; v++)
        (is_whole(&group->source[v]) ? gather_whole : gather_parts)(conv, &group->source[v], x + v * LANES);
    for (int first = 0; first < outputs; first += some) {
        const int end = first + some < outputs ? first + some : outputs;
        fetch_target(conv, group, first, end);
        multiply(conv, group, &asking, first, end, x, sums);
        for (int o = first; o < end && o < conv->outputs; o += DEPTH)
            for (int v = 0; v < group->count; v++)
                write_plane(conv, group, v, o / DEPTH, sums + (o - first) * GROUP_LANES + v * LANES);
    }
}

/* Find the positions that windows have for tiles, all in the first half. */
static void find_positions(const Map *map, const Window *windows, int count, Places *places) {
    Half *half = &places->halves[0];
    for (half->count = 0; half->count < count; half->count++) {
        const Window *window = &windows[half->count];
        half->cells[half->count] = window->lanes;
        half->above[half->count] = (uint16_t)_pext_u32(window->above, 0x55555555);
        half->at[half->count] = cell_at(map, window->image, window->y, window->x);
    }
}

/* Compute the listed positions of the target, which windows have for tiles; as conv_bf16() and conv_fp32() of
 * conv.h, with their weights. The first window begins a vector. One source of MAX_PLANES planes at most. */
EXPORT int STRIDED_CONV(
    const Conv *conv, const Window *windows, int64_t count, int64_t behind, int threads, const int32_t *give_up
) {
    int given_up = 0;
    const Task task = {
        conv, windows, count + behind, compute, find_positions, give_up, &given_up,
#ifdef ON_MATRIX
        cut_for(conv),
#endif
    };
    shared_out(run_windows, &task, count, threads);
    return !given_up;
}
