/* target = [relu]([target +] sum of coarser maps, resized bilinearly), where the pairs say.
 *
 * Corners are not aligned: position x of a map `factor` times finer lies at (x + 1/2) / factor -
 * 1/2, moved inside the map. In whole numbers: (2x + 1 - factor) / (2 factor). */
#include "threads.h"
#include "vectors.h"

enum {
    MAX_COARSE = 3,
    /* Neighbours read the same lines of coarser maps: some are done together, so few planes at a time that those lines
     * stay in the first cache. */
    GROUP_PAIRS = 4,
    GROUP_PLANES = 16,
};

typedef struct {
    const Map *coarse;
    const Map *target;
    const Pair *pairs;
    int32_t coarse_count;
    int32_t onto, relu;
} Enlarging;

EXPORT int enlarge_bf16(
    const Map *coarse, int count, const Map *target, const Pair *pairs, int64_t pair_count, int onto, int relu, int threads
);
EXPORT int enlarge_fp32(
    const Map *coarse, int count, const Map *target, const Pair *pairs, int64_t pair_count, int onto, int relu, int threads
);

/* Where some planes that are done together end. */
INLINE int64_t planes_until(const Enlarging *task, int64_t begin) {
    const int64_t end = begin + GROUP_PLANES, planes = task->target->planes;
    return end < planes ? end : planes;
}

/* Enlarge to some pairs, a few planes at a time; `count`: coarser maps, known where it is compiled. */
typedef void Enlarge(const Enlarging *task, const Pair *pairs, int64_t pair_count, int count);

INLINE void in_groups(const Enlarging *task, int64_t begin, int64_t end, Enlarge *enlarge) {
    for (; begin < end; begin += GROUP_PAIRS) {
        const Pair *pairs = task->pairs + begin;
        const int64_t pair_count = begin + GROUP_PAIRS < end ? GROUP_PAIRS : end - begin;
        switch (task->coarse_count) {
            case 1: enlarge(task, pairs, pair_count, 1); break;
            case 2: enlarge(task, pairs, pair_count, 2); break;
            default: enlarge(task, pairs, pair_count, 3); break;
        }
    }
}

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

/* A vector of the target, in plane 0, and what it reads. */
typedef struct {
    Reading readings[MAX_COARSE];
    Cell *at;
    Lanes lanes;
} Place;

INLINE Place *add_places(const Enlarging *task, Run run, Place *place) {
    if (!run.lanes) return place;
    for (int part = 0; part < RUN_PARTS; part++, place++) {
        for (int i = 0; i < task->coarse_count; i++) place->readings[i] = reading_of(&task->coarse[i], task->target, run, part);
        place->at = cell_at(task->target, run.image, run.y, run.x + part * VECTOR);
        place->lanes = lanes_of(run.lanes, part * VECTOR);
    }
    return place;
}

INLINE void enlarge_planes(const Enlarging *task, const Place *place, int64_t begin, int64_t end, int count) {
    Cell *at = place->at + begin * task->target->plane_stride;
    for (int64_t plane = begin; plane < end; plane++, at += task->target->plane_stride) {
        Floats sum = task->onto ? load_floats(at) : filled(0);
#pragma GCC unroll 3
        for (int i = 0; i < count; i++) {
            const Reading *reading = &place->readings[i];
            const int64_t offset = plane * task->coarse[i].plane_stride;
            sum = read_channel(reading, load_floats(reading->above + offset), load_floats(reading->below + offset), sum);
        }
        store_floats(at, place->lanes, task->relu ? relued(sum) : sum);
    }
}

/* The runs of some pairs, a few planes at a time. */
INLINE void enlarge_runs(const Enlarging *task, const Pair *pairs, int64_t pair_count, int count) {
    Place places[2 * GROUP_PAIRS * RUN_PARTS], *end = places;
    for (const Pair *pair = pairs; pair < pairs + pair_count; pair++)
        end = add_places(task, pair->second, add_places(task, pair->first, end));
    for (int64_t begin = 0; begin < task->target->planes; begin += GROUP_PLANES)
        for (const Place *place = places; place < end; place++)
            enlarge_planes(task, place, begin, planes_until(task, begin), count);
}

static void part_fp32(const void *given, int64_t begin, int64_t end) {
    in_groups(given, begin, end, enlarge_runs);
}

int enlarge_fp32(
    const Map *coarse, int count, const Map *target, const Pair *pairs, int64_t pair_count, int onto, int relu, int threads
) {
    const Enlarging task = {coarse, target, pairs, count, onto, relu};
    shared_out(part_fp32, &task, pair_count, threads);
    return 0;
}

#ifdef __AVX512BF16__
/* The same for bf16, as one product: a lane takes a channel of its left and right cell, from either row. Shares
 * are multiples of 1/256 below 1, or 1: bf16 holds them whole. Both runs of a pair are one vector, which takes its
 * cells from what either reads. */
typedef struct {
    const Cell *above[2], *below[2]; /* of either run */
    Ints cells[2]; /* of each channel: where the two numbers are in a row of bf16, the second run's behind the first's */
    Ints shares_above, shares_below;
} Products;

INLINE Products products_of(const Map *coarse, const Map *target, Run run) {
    const Reading reading = reading_of(coarse, target, run, 0);
    const Ints left = shifted_left(reading.left, 1), right = shifted_left(reading.right, 17);
    const Ints first = add_ints(left, right);
    return (Products){
        .above = {reading.above, reading.above},
        .below = {reading.below, reading.below},
        .cells = {first, add_ints(first, filled_ints(0x00010001))},
        .shares_above = bf16_cells(reading.share_above * reading.share_left, reading.share_above * reading.share_right),
        .shares_below = bf16_cells(reading.share_below * reading.share_left, reading.share_below * reading.share_right),
    };
}

/* Some lanes of one, the others of another. */
INLINE Products both_products(Products first, Products second, Lanes lanes) {
    const Ints behind = filled_ints(0x00200020);
    for (int c = 0; c < 2; c++)
        first.cells[c] = chosen_ints(lanes, add_ints(second.cells[c], behind), first.cells[c]);
    first.above[1] = second.above[0];
    first.below[1] = second.below[0];
    first.shares_above = chosen_ints(lanes, second.shares_above, first.shares_above);
    first.shares_below = chosen_ints(lanes, second.shares_below, first.shares_below);
    return first;
}

INLINE Floats add_product(Floats sum, const Ints *cells, Ints which, Ints shares, int paired) {
    const Ints read = paired ? _mm512_permutex2var_epi16(cells[0], which, cells[1]) : _mm512_permutexvar_epi16(which, cells[0]);
    return _mm512_dpbf16_ps(sum, (__m512bh)read, (__m512bh)shares);
}

INLINE void add_coarse(const Products *products, int64_t offset, int paired, Floats *sums) {
    Ints above[2], below[2];
    for (int run = 0; run <= paired; run++) {
        above[run] = _mm512_loadu_si512(products->above[run] + offset);
        below[run] = _mm512_loadu_si512(products->below[run] + offset);
    }
#pragma GCC unroll 2
    for (int c = 0; c < 2; c++) {
        sums[c] = add_product(sums[c], above, products->cells[c], products->shares_above, paired);
        sums[c] = add_product(sums[c], below, products->cells[c], products->shares_below, paired);
    }
}

/* The vector of a pair in the target, in plane 0, and what it reads. */
typedef struct {
    Products products[MAX_COARSE];
    Cell *at[2]; /* of either run */
    uint16_t lanes[2];
} PairPlace;

static void find_pair(const Enlarging *task, const Pair *pair, PairPlace *place) {
    const Run runs[2] = {pair->first, pair->second};
    for (int i = 0; i < task->coarse_count; i++) {
        place->products[i] = products_of(&task->coarse[i], task->target, runs[0]);
        if (!runs[1].lanes) continue;
        const Products second = products_of(&task->coarse[i], task->target, runs[1]);
        place->products[i] = both_products(place->products[i], second, runs[1].lanes);
    }
    for (int run = 0; run < 2; run++) {
        place->at[run] = cell_at(task->target, runs[run].image, runs[run].y, runs[run].x);
        place->lanes[run] = runs[run].lanes;
    }
}

INLINE void enlarge_pair_planes(
    const Enlarging *task, const PairPlace *place, int64_t begin, int64_t end, int count, int paired
) {
    for (int64_t plane = begin; plane < end; plane++) {
        Cell *at[2];
        for (int run = 0; run <= paired; run++) at[run] = place->at[run] + plane * task->target->plane_stride;
        Ints cells = filled_ints(0);
        if (task->onto) cells = _mm512_loadu_si512(at[0]);
        if (task->onto && paired) cells = _mm512_mask_loadu_epi32(cells, place->lanes[1], at[1]);
        Floats sums[2] = {even_channel(cells), odd_channel(cells)};
#pragma GCC unroll 3
        for (int i = 0; i < count; i++)
            add_coarse(&place->products[i], plane * task->coarse[i].plane_stride, paired, sums);
        if (task->relu)
            for (int c = 0; c < 2; c++) sums[c] = relued(sums[c]);
        cells = bf16_cells(sums[0], sums[1]);
        for (int run = 0; run <= paired; run++) {
            show_sanitizer(at[run], place->lanes[run]);
            _mm512_mask_storeu_epi32(at[run], place->lanes[run], cells);
        }
    }
}

INLINE void enlarge_pairs(const Enlarging *task, const Pair *pairs, int64_t pair_count, int count) {
    PairPlace found[GROUP_PAIRS];
    for (int i = 0; i < pair_count; i++) find_pair(task, &pairs[i], &found[i]);
    for (int64_t begin = 0; begin < task->target->planes; begin += GROUP_PLANES)
        for (const PairPlace *place = found; place < found + pair_count; place++) {
            const int64_t end = planes_until(task, begin);
            if (place->lanes[1]) enlarge_pair_planes(task, place, begin, end, count, 1);
            else enlarge_pair_planes(task, place, begin, end, count, 0);
        }
}

static void part_bf16(const void *given, int64_t begin, int64_t end) {
    in_groups(given, begin, end, enlarge_pairs);
}

int enlarge_bf16(
    const Map *coarse, int count, const Map *target, const Pair *pairs, int64_t pair_count, int onto, int relu, int threads
) {
    const Enlarging task = {coarse, target, pairs, count, onto, relu};
    shared_out(part_bf16, &task, pair_count, threads);
    return 0;
}
#endif
