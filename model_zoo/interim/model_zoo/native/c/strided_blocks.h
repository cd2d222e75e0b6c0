/* 3x3 convolution of stride 2 at positions anywhere. Included once by strided_bf16.c and once by
 * strided_fp32.c, after they have defined
 *
 *   DEPTH                     channels of a cell
 *   STRIDED_CONV              the exported function's name
 *   multiplied(sum, weight, x)
 *                             sum + weight * x
 *
 * A position reads nine taps of what a tile of the source does. They are put side by side once, for all
 * outputs, and added up in the order of conv_blocks.h: the sums are the same to the last bit. */
#include "groups.h"

enum {
    TAPS = 9,
    MAX_PLANES = 256, /* of the source */
};

/* The taps of a group, and the sums of a block of outputs. */
static _Thread_local _Alignas(64) Cell inputs[MAX_PLANES * TAPS * GROUP_LANES];
static _Thread_local _Alignas(64) float sums_of_block[BLOCK_OUTPUTS * GROUP_LANES];

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

/* The sums of a block of outputs, of so many vectors. */
INLINE void multiply(
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
        case 6: multiply(weights, bias, x, planes, to, vectors, 6, asking); break;
        case 4: multiply(weights, bias, x, planes, to, vectors, 4, asking); break;
        default: multiply(weights, bias, x, planes, to, vectors, 2, asking); break;
    }
}

APART void multiply_block(
    const Conv *conv, int first, int outputs, const Cell *x, float *to, int vectors, Asking *asking
) {
    const Cell *weights = conv->weights + first * conv->taps;
    const float *bias = conv->bias + first;
    const int planes = conv->source[0].planes;
    if (vectors > GROUP_VECTORS / 2) multiply_some(weights, bias, x, planes, to, GROUP_VECTORS, outputs, asking);
    else multiply_some(weights, bias, x, planes, to, GROUP_VECTORS / 2, outputs, asking);
}

/* The epilogue: the outputs of one plane of the target. */
INLINE void write_plane(const Conv *conv, const Places *target, const Places *residual, int64_t plane, const float *from) {
    Ints added = filled_ints(0);
    if (residual) load_half(&residual->halves[0], 0, plane * conv->residual.plane_stride, 1, &added);
    Floats made[2];
#pragma GCC unroll 2
    for (int c = 0; c < DEPTH; c++) {
        made[c] = load_floats(from + c * GROUP_LANES);
        if (residual) made[c] = made[c] + channel_of(added, c, DEPTH);
        if (conv->relu) made[c] = relued(made[c]);
    }
    store_positions(target, plane * conv->target.plane_stride, cells_of(made, DEPTH));
}

/* Ask for what a block of outputs is added to and written to. */
INLINE void fetch_target(const Conv *conv, const Group *group, int first) {
    for (int o = first; o < first + BLOCK_OUTPUTS && o < conv->outputs; o += DEPTH)
        for (int v = 0; v < group->count; v++)
            fetch_positions(&group->target[v], o / DEPTH * conv->target.plane_stride);
}

static void compute(const Conv *conv, const Group *group, const Group *next) {
    const int outputs = conv->outputs + (conv->outputs & 1);
    Asking asking = asking_for(conv, next, (int64_t)blocks_of(outputs) * conv->source[0].planes);
    Cell *x = inputs;
    float *sums = sums_of_block;
    for (int v = 0; v < group->count; v++)
        (is_whole(&group->source[v]) ? gather_whole : gather_parts)(conv, &group->source[v], x + v * LANES);
    for (int first = 0; first < outputs; first += BLOCK_OUTPUTS) {
        const int size = outputs - first < BLOCK_OUTPUTS ? outputs - first : BLOCK_OUTPUTS;
        fetch_target(conv, group, first);
        multiply_block(conv, first, size, x, sums, group->count, &asking);
        for (int o = 0; o < size && first + o < conv->outputs; o += DEPTH)
            for (int v = 0; v < group->count; v++) {
                const Places *residual = conv->residual.cells ? &group->residual[v] : NULL;
                const int64_t plane = (first + o) / DEPTH;
                write_plane(conv, &group->target[v], residual, plane, sums + o * GROUP_LANES + v * LANES);
            }
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
 * conv.h, with their weights. The first window begins a vector. One source of MAX_PLANES planes at most, no shift, no
 * raw map. */
EXPORT int STRIDED_CONV(
    const Conv *conv, const Window *windows, int64_t count, int64_t behind, int threads, const int32_t *give_up
) {
    int given_up = 0;
    const Task task = {conv, windows, count + behind, compute, find_positions, give_up, &given_up};
    shared_out(run_windows, &task, count, threads);
    return !given_up;
}
