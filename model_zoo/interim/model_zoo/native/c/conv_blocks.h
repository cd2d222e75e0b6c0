/* The convolution, for any kind of number: included once by conv_bf16.c and once by conv_fp32.c,
 * after they have said what vectors are:
 *
 *   Sum, Cells, PARTS         accumulators; cells; how many of either make a run's LANES
 *   GROUP_RUNS, SMALL_RUNS    pairs computed together, and at the end of a list, so that the
 *                             accumulators (pairs x PARTS x BLOCK_OUTPUTS) fit the registers
 *   load_part(at, lanes, offset, part, reading)
 *                             the cells of a pair, or of one of its parts
 *   broadcast(cell), filled(value)
 *                             one weight in all lanes; one float in all lanes
 *   multiplied(sum, weight, x)
 *                             sum + weight * x
 *   CHANNELS                  of a cell
 *   CONV                      the exported function's name
 *   ON_MATRIX                 where matrix.h multiplies instead; it defines this itself
 *
 * They then define write_run, the epilogue.
 */
#include "conv.h"
#include "threads.h"

/* What is computed together: GROUP_RUNS runs, or twice as many in pairs. Pointers are into plane 0;
 * those of the sources are where the kernel's first tap is. */
typedef struct {
    int count; /* entries; the rest are filled up in complete() */
    uint16_t lanes[2 * GROUP_RUNS];
    Cell *target[2 * GROUP_RUNS];
    const Cell *residual[2 * GROUP_RUNS]; /* NULL where there is none */
    Cell *raw[2 * GROUP_RUNS];            /* likewise */
    const Cell *taps[MAX_SOURCES][2 * GROUP_RUNS];
} Group;

/* The accumulators of one pair. */
typedef Sum Sums[BLOCK_OUTPUTS][PARTS];

typedef void Block(const Conv *conv, const Group *group, int first);

/* The epilogue for outputs from `first` on of the pair at `entry`. */
INLINE void write_run(
    const Conv *conv, const Group *group, int entry, int first, int outputs, enum Reading reading, const Sums sums
);

/* A group's first entry for a pair. */
INLINE int entry_of(int pair, enum Reading reading) { return reading == PAIRED ? 2 * pair : pair; }

#ifndef ON_MATRIX
/* One row of the kernel in one plane: the inner loop. Returns the weights behind those used. */
INLINE const Cell *add_row(
    Sums *sums, const Cell *const *taps, const uint16_t *lanes, int64_t offset, const Cell *weights, int kernel,
    enum Reading reading, int runs, int outputs
) {
#pragma GCC unroll 3
    for (int kx = 0; kx < kernel; kx++, weights += outputs) {
        Cells x[GROUP_RUNS][PARTS];
#pragma GCC unroll 4
        for (int r = 0; r < runs; r++)
#pragma GCC unroll 2
            for (int part = 0; part < PARTS; part++)
                x[r][part] = load_part(
                    taps + entry_of(r, reading), lanes + entry_of(r, reading), offset + kx, part, reading
                );
#pragma GCC unroll 6
        for (int o = 0; o < outputs; o++) {
            const Cells weight = broadcast(weights[o]);
#pragma GCC unroll 4
            for (int r = 0; r < runs; r++)
#pragma GCC unroll 2
                for (int part = 0; part < PARTS; part++)
                    sums[r][o][part] = multiplied(sums[r][o][part], weight, x[r][part]);
        }
    }
    return weights;
}

/* Outputs `first` to `first + outputs - 1` of the first `runs` runs of a group. */
INLINE void block(const Conv *conv, const Group *group, int first, int kernel, enum Reading reading, int runs, int outputs) {
    Sums sums[GROUP_RUNS];
#pragma GCC unroll 6
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 4
        for (int r = 0; r < runs; r++)
#pragma GCC unroll 2
            for (int part = 0; part < PARTS; part++) sums[r][o][part] = filled(conv->bias[first + o]);
    const Cell *weights = conv->weights + first * conv->taps;
    for (int s = 0; s < conv->sources; s++) {
        const Map *source = &conv->source[s];
        const Cell *taps[2 * GROUP_RUNS];
#pragma GCC unroll 8
        for (int i = 0; i < entry_of(runs, reading); i++) taps[i] = group->taps[s][i];
        int64_t start = 0;
        for (int plane = 0; plane < source->planes; plane++, start += source->plane_stride) {
            int64_t offset = start;
            for (int ky = 0; ky < kernel; ky++, offset += source->row_pitch)
                weights = add_row(sums, taps, group->lanes, offset, weights, kernel, reading, runs, outputs);
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < runs; r++)
        write_run(conv, group, entry_of(r, reading), first, outputs, reading, sums[r]);
}

/* A function for each kind of kernel, runs and outputs, so that all loops over registers have
 * fixed ends. */
#define BLOCK(NAME, ...) \
    static void NAME(const Conv *conv, const Group *group, int first) { block(conv, group, first, __VA_ARGS__); }
#define BLOCKS(NAME, ...)           \
    BLOCK(NAME##_2, __VA_ARGS__, 2) \
    BLOCK(NAME##_4, __VA_ARGS__, 4) \
    BLOCK(NAME##_6, __VA_ARGS__, 6)
#define SIZES(NAME, ...)                           \
    BLOCKS(NAME##_small, __VA_ARGS__, SMALL_RUNS)  \
    BLOCKS(NAME##_large, __VA_ARGS__, GROUP_RUNS)
SIZES(pointwise, 1, SINGLE)
SIZES(pointwise_pairs, 1, PAIRED)
SIZES(square, 3, SINGLE)
SIZES(square_pairs, 3, PAIRED)
SIZES(halving, 3, STRIDED)

#define NAMES(NAME) {{NAME##_small_2, NAME##_small_4, NAME##_small_6}, {NAME##_large_2, NAME##_large_4, NAME##_large_6}}

/* The blocks of 2, 4 and 6 outputs for a convolution and a number of runs. */
static Block *const *blocks_of(const Conv *conv, int runs, enum Reading reading) {
    static Block *const pointwises[2][2][3] = {NAMES(pointwise), NAMES(pointwise_pairs)};
    static Block *const squares[2][2][3] = {NAMES(square), NAMES(square_pairs)};
    static Block *const halvings[2][3] = NAMES(halving);
    const int large = runs > SMALL_RUNS;
    if (reading == STRIDED) return halvings[large];
    return conv->kernel == 1 ? pointwises[reading][large] : squares[reading][large];
}
#endif

/* Put a run into a group. */
static void add_entry(const Conv *conv, Group *group, const Run *run) {
    const int entry = group->count++, reach = conv->kernel / 2, x = run->x;
    group->lanes[entry] = run->lanes;
    group->target[entry] = cell_at(&conv->target, run->image, run->y, x);
    group->residual[entry] = conv->residual.cells ? cell_at(&conv->residual, run->image, run->y, x) : NULL;
    group->raw[entry] = conv->raw.cells ? cell_at(&conv->raw, run->image, run->y, x) : NULL;
    for (int s = 0; s < conv->sources; s++)
        group->taps[s][entry] =
            cell_at(&conv->source[s], run->image, run->y * conv->stride - reach, x * conv->stride - reach);
}

/* Fill a group up with entries that read what its last one reads, and write nothing. */
static void complete(const Conv *conv, Group *group, int entries) {
    for (int i = group->count; i < entries; i++) { /* no lanes: of a pair, all are read from the first */
        group->lanes[i] = 0;
        group->target[i] = group->target[i - 1];
        group->residual[i] = group->residual[i - 1];
        group->raw[i] = group->raw[i - 1];
        for (int s = 0; s < conv->sources; s++) group->taps[s][i] = group->taps[s][i - 1];
    }
}

/* Ask early for the cells that a block will add to and write: it then finds them while it would
 * have waited. INLINE here and below also because gcc drops calls that do nothing but prefetch. */
INLINE void fetch_target(const Conv *conv, const Group *group, int64_t first) {
    if (first >= conv->outputs) return;
    const int added = conv->residual.cells != NULL;
    const int64_t stride = added ? conv->residual.plane_stride : conv->target.plane_stride;
    for (int i = 0; i < group->count; i++) {
        const Cell *at = (added ? group->residual[i] : group->target[i]) + first / CHANNELS * stride;
        for (int64_t plane = 0; plane < BLOCK_OUTPUTS / CHANNELS; plane++) __builtin_prefetch(at + plane * stride, 1);
    }
}

/* Ask for what the next group reads, a part with each block. Pays for 1x1 alone: it reads every
 * cell in one group only, from more planes than a processor sees the pattern of. */
INLINE void fetch_source(const Conv *conv, const Pair *pairs, int64_t count, int first) {
    for (int s = 0; s < conv->sources; s++) {
        const Map *source = &conv->source[s];
        const int64_t begin = (int64_t)source->planes * first / conv->outputs;
        const int64_t end = (int64_t)source->planes * (first + BLOCK_OUTPUTS) / conv->outputs;
        for (int r = 0; r < GROUP_RUNS && r < count; r++) {
            const Run *run = &pairs[r].first;
            const Cell *at = cell_at(source, run->image, run->y, run->x);
            for (int64_t plane = begin; plane < end && plane < source->planes; plane++)
                __builtin_prefetch(at + plane * source->plane_stride);
        }
    }
}

#ifdef ON_MATRIX
enum { MOST_ROWS = 8192 }; /* of inputs; MOST_ROWS of native/matrix.py: change both */

/* What a group reads, and the sums of some outputs. */
static _Thread_local _Alignas(64) Cell inputs[(MOST_ROWS + MATRIX_SLACK) * MATRIX_LANES];
static _Thread_local _Alignas(64) float some_sums[MOST_MATRIX_OUTPUTS * MATRIX_LANES];

/* Put side by side what all runs of a group read, in the order of the weights. */
INLINE void gather(const Conv *conv, const Group *group, enum Reading reading, int runs, Cell *to) {
    for (int s = 0; s < conv->sources; s++) {
        const Map *source = &conv->source[s];
        for (int plane = 0; plane < source->planes; plane++)
            for (int ky = 0; ky < conv->kernel; ky++)
                for (int kx = 0; kx < conv->kernel; kx++, to += MATRIX_LANES) {
                    const int64_t offset = plane * source->plane_stride + ky * source->row_pitch + kx;
                    for (int r = 0; r < runs; r++) {
                        const int entry = entry_of(r, reading);
                        const Cells x = load_part(group->taps[s] + entry, group->lanes + entry, offset, 0, reading);
                        _mm512_store_si512(to + r * LANES, x);
                    }
                }
    }
}

INLINE Cut cut_for(const Conv *conv) { return cut_of(even_outputs(conv), conv->taps); }

/* All outputs of the first `runs` runs of a group. */
INLINE void run_blocks(const Conv *conv, const Group *group, enum Reading reading, int runs, const Pair *next, int64_t left) {
    const Cut cut = cut_for(conv);
    Cell *x = inputs;
    float *sums = some_sums;
    gather(conv, group, reading, runs, x);
    matrix_fill_up(cut, x, conv->taps);
    for (int first = 0; first < conv->outputs; first += matrix_outputs(cut)) {
        const int end = first + matrix_outputs(cut) < conv->outputs ? first + matrix_outputs(cut) : conv->outputs;
        for (int block = first; block < end; block += BLOCK_OUTPUTS) {
            fetch_target(conv, group, block);
            if (conv->kernel == 1) fetch_source(conv, next, left, block);
        }
        matrix_product(cut, conv->weights, x, first, runs, sums);
        for (int r = 0; r < runs; r++)
            for (int o = first; o < end; o += CHANNELS) {
                Sums pair;
                for (int c = 0; c < CHANNELS; c++)
                    pair[c][0] = _mm512_add_ps(
                        _mm512_load_ps(sums + (o - first + c) * MATRIX_LANES + r * LANES), filled(conv->bias[o + c])
                    );
                write_run(conv, group, entry_of(r, reading), o, CHANNELS, reading, pair);
            }
    }
}

#define BLOCKS_OF(NAME, READING)                                                                               \
    static __attribute__((noinline, noclone)) void NAME(                                                       \
        const Conv *conv, const Group *group, int runs, const Pair *next, int64_t left                         \
    ) {                                                                                                        \
        if (runs > SMALL_RUNS) run_blocks(conv, group, READING, GROUP_RUNS, next, left);                       \
        else run_blocks(conv, group, READING, SMALL_RUNS, next, left);                                         \
    }
BLOCKS_OF(run_singles, SINGLE)
BLOCKS_OF(run_pairs, PAIRED)
BLOCKS_OF(run_strided, STRIDED)

/* Compute a group and empty it. `next`: the `left` pairs behind it. */
static void run_group(const Conv *conv, Group *group, enum Reading reading, const Pair *next, int64_t left) {
    if (!group->count) return;
    const int runs = reading == PAIRED ? group->count / 2 : group->count;
    complete(conv, group, entry_of(GROUP_RUNS, reading));
    (reading == PAIRED ? run_pairs : reading == STRIDED ? run_strided : run_singles)(conv, group, runs, next, left);
    group->count = 0;
}
#else
/* Compute a group and empty it. `next`: the `left` pairs behind it. */
static void run_group(const Conv *conv, Group *group, enum Reading reading, const Pair *next, int64_t left) {
    if (!group->count) return;
    Block *const *blocks = blocks_of(conv, reading == PAIRED ? group->count / 2 : group->count, reading);
    complete(conv, group, entry_of(GROUP_RUNS, reading));
    fetch_target(conv, group, 0);
    for (int first = 0; first < conv->outputs; first += BLOCK_OUTPUTS) {
        const int outputs = conv->outputs - first;
        fetch_target(conv, group, first + BLOCK_OUTPUTS);
        if (conv->kernel == 1) fetch_source(conv, next, left, first);
        blocks[outputs < BLOCK_OUTPUTS ? (outputs - 1) / 2 : 2](conv, group, first);
    }
    group->count = 0;
}
#endif

typedef struct {
    const Conv *conv;
    const Pair *pairs;
    int64_t behind;
    const int32_t *give_up;
    int *given_up;
} Task;

INLINE int is_set(const int32_t *flag) { return flag != NULL && __atomic_load_n(flag, __ATOMIC_RELAXED) != 0; }

/* Pairs `begin` to `end - 1`: single runs are collected beside the others. */
static void conv_part(const void *given, int64_t begin, int64_t end) {
    const Task *task = given;
    const Conv *conv = task->conv;
    const enum Reading reading = conv->stride == 1 ? SINGLE : STRIDED;
    Group singles = {.count = 0}, pairs = {.count = 0};
#ifdef ON_MATRIX
    matrix_begin(cut_for(conv));
#endif
    for (int64_t i = begin; i < end; i++) {
        const Pair *pair = &task->pairs[i];
        Group *group = pair->second.lanes ? &pairs : &singles;
        add_entry(conv, group, &pair->first);
        if (group == &pairs) add_entry(conv, group, &pair->second);
        if (singles.count < GROUP_RUNS && pairs.count < 2 * GROUP_RUNS) continue;
        if (is_set(task->give_up)) break;
        if (group == &singles) run_group(conv, &singles, reading, pair + 1, end - i - 1 + task->behind);
        else run_group(conv, &pairs, PAIRED, pair + 1, end - i - 1 + task->behind);
    }
    if (is_set(task->give_up)) __atomic_store_n(task->given_up, 1, __ATOMIC_RELAXED);
    else {
        run_group(conv, &singles, reading, NULL, 0);
        run_group(conv, &pairs, PAIRED, NULL, 0);
    }
#ifdef ON_MATRIX
    matrix_end();
#endif
}

EXPORT int CONV(
    const Conv *conv, const Pair *pairs, int64_t count, int64_t behind, int threads, const int32_t *give_up
) {
    int given_up = 0;
    const Task task = {conv, pairs, behind, give_up, &given_up};
    shared_out(conv_part, &task, count, threads);
    return !given_up;
}
