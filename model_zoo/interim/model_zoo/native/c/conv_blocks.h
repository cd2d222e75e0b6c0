/* The convolution, for any kind of number: included once by conv_bf16.c and once by conv_fp32.c,
 * after they have said what vectors are:
 *
 *   Sum, Cells, PARTS               accumulators; cells; how many of either make a run's LANES
 *   GROUP_RUNS, SMALL_RUNS          runs computed together, and at the end of a list, so that the
 *                                   accumulators (runs x PARTS x BLOCK_OUTPUTS) fit the registers
 *   load(at), load_halved(at)       the next cells; every other one of twice as many
 *   broadcast(cell), filled(value)  one weight in all lanes; one float in all lanes
 *   multiplied(sum, weight, x)      sum + weight * x
 *   CHANNELS                        of a cell
 *   CONV                            the exported function's name
 *
 * They then define write_run, the epilogue.
 */
#include "conv.h"

/* The accumulators of one run. */
typedef Sum Sums[BLOCK_OUTPUTS][PARTS];

/* Where a run is in plane 0 of the target and the residual (NULL where there is none). */
typedef struct {
    Cell *target;
    const Cell *residual;
    uint16_t lanes;
} Place;

/* Runs computed together, and where their kernel's first tap is in each source. */
typedef struct {
    Place places[GROUP_RUNS];
    const Cell *taps[MAX_SOURCES][GROUP_RUNS];
} Group;

typedef void Block(const Conv *conv, const Group *group, int first);

INLINE void write_run(const Conv *conv, const Place *place, int first, int outputs, const Sums sums);

/* One row of the kernel in one plane: the inner loop. Returns the weights behind those used. */
INLINE const Cell *add_row(
    Sums *sums, const Cell *const *taps, int64_t offset, const Cell *weights, int kernel, int stride, int runs,
    int outputs
) {
#pragma GCC unroll 3
    for (int kx = 0; kx < kernel; kx++, weights += outputs) {
        Cells x[GROUP_RUNS][PARTS];
#pragma GCC unroll 4
        for (int r = 0; r < runs; r++)
#pragma GCC unroll 2
            for (int part = 0; part < PARTS; part++) {
                const Cell *at = taps[r] + offset + kx + part * stride * (LANES / PARTS);
                x[r][part] = stride == 1 ? load(at) : load_halved(at);
            }
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
INLINE void block(const Conv *conv, const Group *group, int first, int kernel, int stride, int runs, int outputs) {
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
        const Cell *taps[GROUP_RUNS];
#pragma GCC unroll 4
        for (int r = 0; r < runs; r++) taps[r] = group->taps[s][r];
        int64_t start = 0;
        for (int plane = 0; plane < source->planes; plane++, start += source->plane_stride) {
            int64_t offset = start;
            for (int ky = 0; ky < kernel; ky++, offset += source->row_pitch)
                weights = add_row(sums, taps, offset, weights, kernel, stride, runs, outputs);
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < runs; r++) write_run(conv, &group->places[r], first, outputs, sums[r]);
}

/* A function for each kind of kernel, runs and outputs, so that all loops over registers have
 * fixed ends. */
#define BLOCK(NAME, ...) \
    static void NAME(const Conv *conv, const Group *group, int first) { block(conv, group, first, __VA_ARGS__); }
#define BLOCKS(NAME, ...)         \
    BLOCK(NAME##_2, __VA_ARGS__, 2) \
    BLOCK(NAME##_4, __VA_ARGS__, 4) \
    BLOCK(NAME##_6, __VA_ARGS__, 6)
BLOCKS(pointwise_small, 1, 1, SMALL_RUNS)
BLOCKS(pointwise, 1, 1, GROUP_RUNS)
BLOCKS(square_small, 3, 1, SMALL_RUNS)
BLOCKS(square, 3, 1, GROUP_RUNS)
BLOCKS(halving_small, 3, 2, SMALL_RUNS)
BLOCKS(halving, 3, 2, GROUP_RUNS)

/* The blocks of 2, 4 and 6 outputs for a convolution and a number of runs. */
static Block *const *blocks_of(const Conv *conv, int64_t runs) {
    static Block *const table[3][2][3] = {
        {{pointwise_small_2, pointwise_small_4, pointwise_small_6}, {pointwise_2, pointwise_4, pointwise_6}},
        {{square_small_2, square_small_4, square_small_6}, {square_2, square_4, square_6}},
        {{halving_small_2, halving_small_4, halving_small_6}, {halving_2, halving_4, halving_6}},
    };
    return table[conv->kernel == 1 ? 0 : conv->stride][runs > SMALL_RUNS];
}

/* The first of `runs`, of which there are `count`. A group that is not full reads what its last
 * run does again and writes nothing there. */
static void start_group(const Conv *conv, const Run *runs, int64_t count, Group *group) {
    const Map *target = &conv->target, *residual = &conv->residual;
    const int reach = conv->kernel / 2;
    for (int r = 0; r < GROUP_RUNS; r++) {
        const Run run = runs[r < count ? r : count - 1];
        group->places[r] = (Place){
            .target = cell_at(target, run.image, run.y, run.x),
            .residual = residual->cells ? cell_at(residual, run.image, run.y, run.x) : NULL,
            .lanes = r < count ? run.lanes : 0,
        };
        const int y = run.y * conv->stride - reach, x = run.x * conv->stride - reach;
        for (int s = 0; s < conv->sources; s++) group->taps[s][r] = cell_at(&conv->source[s], run.image, y, x);
    }
}

/* Ask early for the cells that a block will add to and write: it then finds them while it would
 * have waited. INLINE here and below also because gcc drops calls that do nothing but prefetch. */
INLINE void fetch_target(const Conv *conv, const Group *group, int64_t first) {
    if (first >= conv->outputs) return;
    for (int r = 0; r < GROUP_RUNS; r++) {
        const Place *place = &group->places[r];
        const int64_t stride = place->residual ? conv->residual.plane_stride : conv->target.plane_stride;
        const Cell *at = (place->residual ? place->residual : place->target) + first / CHANNELS * stride;
        for (int64_t plane = 0; plane < BLOCK_OUTPUTS / CHANNELS; plane++) __builtin_prefetch(at + plane * stride, 1);
    }
}

/* Ask for what the next group reads, a part with each block. Pays for 1x1 alone: it reads every
 * cell in one group only, from more planes than a processor sees the pattern of. */
INLINE void fetch_source(const Conv *conv, const Run *runs, int64_t count, int first) {
    for (int s = 0; s < conv->sources; s++) {
        const Map *source = &conv->source[s];
        const int64_t begin = (int64_t)source->planes * first / conv->outputs;
        const int64_t end = (int64_t)source->planes * (first + BLOCK_OUTPUTS) / conv->outputs;
        for (int r = 0; r < GROUP_RUNS && r < count; r++) {
            const Cell *at = cell_at(source, runs[r].image, runs[r].y, runs[r].x);
            for (int64_t plane = begin; plane < end && plane < source->planes; plane++)
                __builtin_prefetch(at + plane * source->plane_stride);
        }
    }
}

/* All outputs of the first of `runs`. */
static void run_group(const Conv *conv, const Run *runs, int64_t count) {
    Block *const *blocks = blocks_of(conv, count);
    Group group;
    start_group(conv, runs, count, &group);
    fetch_target(conv, &group, 0);
    for (int first = 0; first < conv->outputs; first += BLOCK_OUTPUTS) {
        const int left = conv->outputs - first;
        fetch_target(conv, &group, first + BLOCK_OUTPUTS);
        if (conv->kernel == 1) fetch_source(conv, runs + GROUP_RUNS, count - GROUP_RUNS, first);
        blocks[left < BLOCK_OUTPUTS ? (left - 1) / 2 : 2](conv, &group, first);
    }
}

INLINE int is_set(const int32_t *flag) { return flag != NULL && __atomic_load_n(flag, __ATOMIC_RELAXED) != 0; }

#ifdef _OPENMP
static int run_threads(const Conv *conv, const Run *runs, int64_t count, int threads, const int32_t *give_up) {
    int given_up = 0;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 2) reduction(| : given_up)
    for (int64_t i = 0; i < count; i += GROUP_RUNS) {
        if (is_set(give_up))
            given_up = 1;
        else
            run_group(conv, runs + i, count - i);
    }
    return !given_up;
}
#endif

EXPORT int CONV(const Conv *conv, const Run *runs, int64_t count, int threads, const int32_t *give_up) {
#ifdef _OPENMP
    if (threads > 1) return run_threads(conv, runs, count, threads, give_up);
#else
    (void)threads;
#endif
    for (int64_t i = 0; i < count; i += GROUP_RUNS) {
        if (is_set(give_up)) return 0;
        run_group(conv, runs + i, count - i);
    }
    return 1;
}
