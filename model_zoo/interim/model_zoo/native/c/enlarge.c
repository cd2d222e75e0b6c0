/* target = [relu]([target +] sum of coarser maps, resized bilinearly), where the runs say.
 *
 * Corners are not aligned: position x of a map `factor` times finer lies at (x + 1/2) / factor -
 * 1/2, moved inside the map. In whole numbers: (2x + 1 - factor) / (2 factor). */
#include "threads.h"
#include "vectors.h"

enum { MAX_COARSE = 3 };

typedef struct {
    const Map *coarse;
    const Map *target;
    const Run *runs;
    int32_t coarse_count;
    int32_t onto, relu;
} Enlarging;

EXPORT int enlarge_bf16(
    const Map *coarse, int count, const Map *target, const Run *runs, int64_t run_count, int onto, int relu, int threads
);
EXPORT int enlarge_fp32(
    const Map *coarse, int count, const Map *target, const Run *runs, int64_t run_count, int onto, int relu, int threads
);

/* Where a vector of positions reads one coarser map: two rows, and per lane two of the cells that
 * are loaded from each, with their weights. */
typedef struct {
    const Cell *above, *below;
    Floats share_above, share_below, share_left, share_right;
    Ints left, right;
} Reading;

INLINE Reading reading_of(const Map *coarse, const Map *target, Run run, int part) {
    const int bits = __builtin_ctz((unsigned)(target->height / coarse->height)), factor = 1 << bits;
    const int y = 2 * run.y + 1 - factor, row = y >> (bits + 1), x = run.x + part * VECTOR;
    const float scale = 0.5f / (float)factor, down = (float)(y & (2 * factor - 1)) * scale;
    const int above = row < 0 ? 0 : row, below = row + 1 < coarse->height ? row + 1 : row;
    const int column = (2 * x + 1 - factor) >> (bits + 1), first = column < 0 ? 0 : column;
    const Ints twice = add_ints(shifted_left(counted_ints(x), 1), filled_ints(1 - factor));
    const Ints columns = shifted_right(twice, bits + 1), last = filled_ints(coarse->width - 1);
    const Floats across = converted(both_ints(twice, filled_ints(2 * factor - 1))) * filled(scale);
    return (Reading){
        .above = cell_at(coarse, run.image, above, first),
        .below = cell_at(coarse, run.image, below, first),
        .share_above = filled(1 - down),
        .share_below = filled(down),
        .share_left = filled(1) - across,
        .share_right = across,
        .left = add_ints(smaller_ints(larger_ints(columns, filled_ints(0)), last), filled_ints(-first)),
        .right = add_ints(smaller_ints(add_ints(columns, filled_ints(1)), last), filled_ints(-first)),
    };
}

INLINE Floats read_channel(const Reading *reading, Floats above, Floats below, Floats sum) {
    const Floats between = above * reading->share_above + below * reading->share_below;
    sum = permuted(between, reading->left) * reading->share_left + sum;
    return permuted(between, reading->right) * reading->share_right + sum;
}

/* What a plane's listed positions get from all coarser maps, added to `sum`. */
INLINE Channels read_fp32(const Enlarging *task, const Reading *readings, int count, int64_t plane, Channels sum) {
#pragma GCC unroll 3
    for (int i = 0; i < count; i++) {
        const int64_t offset = plane * task->coarse[i].plane_stride;
        const Floats above = load_floats(readings[i].above + offset), below = load_floats(readings[i].below + offset);
        sum.channel[0] = read_channel(&readings[i], above, below, sum.channel[0]);
    }
    return sum;
}

#ifdef __AVX512BF16__
/* The same for bf16, as one product: a lane takes a channel of its left and right cell, from either row. Shares
 * are multiples of 1/256 below 1, or 1: bf16 holds them whole. */
typedef struct {
    Ints cells[2]; /* of each channel: where the two numbers are in a row of bf16 */
    Ints shares_above, shares_below;
} Products;

INLINE Products products_of(const Reading *reading) {
    const Ints left = shifted_left(reading->left, 1), right = shifted_left(reading->right, 17);
    const Ints first = add_ints(left, right);
    return (Products){
        .cells = {first, add_ints(first, filled_ints(0x00010001))},
        .shares_above = bf16_cells(reading->share_above * reading->share_left, reading->share_above * reading->share_right),
        .shares_below = bf16_cells(reading->share_below * reading->share_left, reading->share_below * reading->share_right),
    };
}

INLINE Floats add_product(Floats sum, Ints cells, Ints which, Ints shares) {
    return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_permutexvar_epi16(which, cells), (__m512bh)shares);
}

INLINE Channels read_bf16(
    const Enlarging *task, const Reading *readings, const Products *products, int count, int64_t plane, Channels sum
) {
#pragma GCC unroll 3
    for (int i = 0; i < count; i++) {
        const int64_t offset = plane * task->coarse[i].plane_stride;
        const Ints above = _mm512_loadu_si512(readings[i].above + offset);
        const Ints below = _mm512_loadu_si512(readings[i].below + offset);
#pragma GCC unroll 2
        for (int c = 0; c < 2; c++) {
            const Ints which = products[i].cells[c];
            sum.channel[c] = add_product(sum.channel[c], above, which, products[i].shares_above);
            sum.channel[c] = add_product(sum.channel[c], below, which, products[i].shares_below);
        }
    }
    return sum;
}
#endif

INLINE void enlarge_part(const Enlarging *task, Run run, int part, int count, int depth) {
    const Map *target = task->target;
    const Lanes lanes = lanes_of(run.lanes, part * VECTOR);
    Reading readings[MAX_COARSE];
#pragma GCC unroll 3
    for (int i = 0; i < count; i++) readings[i] = reading_of(&task->coarse[i], target, run, part);
#ifdef __AVX512BF16__
    Products products[MAX_COARSE];
#pragma GCC unroll 3
    for (int i = 0; i < count; i++)
        if (depth == 2) products[i] = products_of(&readings[i]);
#endif
    Cell *at = cell_at(target, run.image, run.y, run.x + part * VECTOR);
    for (int64_t plane = 0; plane < target->planes; plane++, at += target->plane_stride) {
        Channels sum = {{filled(0), filled(0)}};
        if (task->onto) sum = load_channels(at, depth);
#ifdef __AVX512BF16__
        if (depth == 2) sum = read_bf16(task, readings, products, count, plane, sum);
        else
#endif
            sum = read_fp32(task, readings, count, plane, sum);
        if (task->relu)
            for (int c = 0; c < depth; c++) sum.channel[c] = relued(sum.channel[c]);
        store_channels(at, lanes, sum, depth);
    }
}

INLINE void enlarge_runs(const Enlarging *task, int64_t begin, int64_t end, int depth) {
    for (int64_t i = begin; i < end; i++)
        for (int part = 0; part < RUN_PARTS; part++) switch (task->coarse_count) {
                case 1: enlarge_part(task, task->runs[i], part, 1, depth); break;
                case 2: enlarge_part(task, task->runs[i], part, 2, depth); break;
                default: enlarge_part(task, task->runs[i], part, 3, depth); break;
            }
}

static void part_fp32(const void *task, int64_t begin, int64_t end) { enlarge_runs(task, begin, end, 1); }

int enlarge_fp32(
    const Map *coarse, int count, const Map *target, const Run *runs, int64_t run_count, int onto, int relu, int threads
) {
    const Enlarging task = {coarse, target, runs, count, onto, relu};
    shared_out(part_fp32, &task, run_count, threads);
    return 0;
}

#ifdef __AVX512BF16__
static void part_bf16(const void *task, int64_t begin, int64_t end) { enlarge_runs(task, begin, end, 2); }

int enlarge_bf16(
    const Map *coarse, int count, const Map *target, const Run *runs, int64_t run_count, int onto, int relu, int threads
) {
    const Enlarging task = {coarse, target, runs, count, onto, relu};
    shared_out(part_bf16, &task, run_count, threads);
    return 0;
}
#endif
