/* target = [relu](what the known positions around it count together + shift [+ residual]), where the runs say.
 *
 * What a neighbour counts is a weight for how far below it is, times one for how far to the right. So columns
 * are added up first, for all lanes of a vector, and of these sums those side by side. */
#include "masks.h"
#include "threads.h"
#include "vectors.h"

enum {
    MAX_RADIUS = 3,
    MAX_SIDE = 2 * MAX_RADIUS + 1,
    /* Neighbours read the same lines: some are done together, so few planes at a time that those lines stay in the first
     * cache. */
    GROUP_RUNS = 16,
    GROUP_PLANES = 8,
};

/* Class CInterpolation of native/interpolation.py: change both. */
typedef struct {
    const float *shift;   /* per channel, made even */
    float line[MAX_SIDE]; /* the weights, from the farthest above, or to the left, on */
    int32_t radius;       /* how far the farthest is */
    int32_t relu;         /* 0 or 1 */
    Mask known;           /* of the target's size: where the source counts; it may be anything elsewhere */
    Map source, target;
    Map residual; /* cells are NULL where there is none; may be the target */
} Interpolation;

EXPORT int interpolate_bf16(const Interpolation *task, const Run *runs, int64_t count, int threads);
EXPORT int interpolate_fp32(const Interpolation *task, const Run *runs, int64_t count, int threads);

/* Some positions of a run side by side: as many as a vector of sums of columns is enough for. */
typedef struct {
    int image, y, x;          /* of the first */
    int listed;               /* bit k: position x + k is listed */
    uint16_t known[MAX_SIDE]; /* bit k, row by row: what column x - radius + k counts */
} Stretch;

/* Bit k: whether the source is known at (y, x + k). */
INLINE uint16_t known_at(const Interpolation *task, int image, int y, int x) {
    const Mask *known = &task->known;
    if (y < 0 || y >= known->height) return 0;
    const uint8_t *bytes = known->bytes + image * known->image_stride + y * known->row_stride;
    return x < 0 ? (uint16_t)(word_at(bytes, known->width) << -x) : word_at(bytes + x, known->width - x);
}

/* The stretches of a run, up to LANES. */
INLINE int find_stretches(const Interpolation *task, Run run, int radius, Stretch *stretches) {
    const int size = VECTOR - 2 * radius;
    int count = 0;
    for (int first = 0; first < LANES; first += size) {
        const int x = run.x + first, listed = run.lanes >> first & ((1 << size) - 1);
        if (!listed) continue;
        Stretch *stretch = &stretches[count++];
        *stretch = (Stretch){.image = run.image, .y = run.y, .x = x, .listed = listed};
        for (int down = -radius; down <= radius; down++)
            stretch->known[radius + down] = known_at(task, run.image, run.y + down, x - radius);
    }
    return count;
}

INLINE void interpolate_stretch(
    const Interpolation *task, const Stretch *stretch, int64_t begin, int64_t end, int radius, int depth
) {
    const Map *residual = &task->residual;
    const int side = 2 * radius + 1, added = residual->cells != NULL, relu = task->relu;
    const int64_t pitch = task->source.row_pitch, source_stride = task->source.plane_stride;
    const int64_t target_stride = task->target.plane_stride, residual_stride = residual->plane_stride;
    const Cell *from = cell_at(&task->source, stretch->image, stretch->y - radius, stretch->x - radius);
    Cell *to = cell_at(&task->target, stretch->image, stretch->y, stretch->x);
    const Cell *before = added ? cell_at(residual, stretch->image, stretch->y, stretch->x) : to;
    const Lanes listed = lanes_of((uint16_t)stretch->listed, 0);
    Lanes known[MAX_SIDE];
    Floats line[MAX_SIDE];
#pragma GCC unroll 7
    for (int i = 0; i < side; i++) {
        known[i] = lanes_of(stretch->known[i], 0);
        line[i] = filled(task->line[i]);
    }
    from += begin * source_stride;
    to += begin * target_stride;
    before += begin * residual_stride;
    for (int64_t plane = begin; plane < end; plane++) {
        Channels sums, made;
        for (int c = 0; c < depth; c++) {
            sums.channel[c] = filled(0);
            made.channel[c] = filled(task->shift[plane * depth + c]);
        }
#pragma GCC unroll 7
        for (int row = 0; row < side; row++) {
            if (radius > 1 && !stretch->known[row]) continue; /* of rows beyond the map one exists, no more */
            const Channels near = load_channels(from + row * pitch, depth);
            for (int c = 0; c < depth; c++)
                sums.channel[c] = kept(near.channel[c], known[row]) * line[row] + sums.channel[c];
        }
        for (int c = 0; c < depth; c++)
#pragma GCC unroll 7
            for (int right = 0; right < side; right++) {
                const Floats beside = right ? permuted(sums.channel[c], counted_ints(right)) : sums.channel[c];
                made.channel[c] = beside * line[right] + made.channel[c];
            }
        if (added) {
            const Channels old = load_channels(before, depth);
            for (int c = 0; c < depth; c++) made.channel[c] = made.channel[c] + old.channel[c];
        }
        if (relu)
            for (int c = 0; c < depth; c++) made.channel[c] = relued(made.channel[c]);
        store_channels(to, listed, made, depth);
        from += source_stride;
        to += target_stride;
        before += residual_stride;
    }
}

INLINE void interpolate_group(const Interpolation *task, const Run *runs, int count, int radius, int depth) {
    Stretch stretches[GROUP_RUNS * LANES];
    int found = 0;
    for (int i = 0; i < count; i++) found += find_stretches(task, runs[i], radius, stretches + found);
    const int64_t planes = task->target.planes;
    for (int64_t begin = 0; begin < planes; begin += GROUP_PLANES) {
        const int64_t end = begin + GROUP_PLANES < planes ? begin + GROUP_PLANES : planes;
        for (int i = 0; i < found; i++) interpolate_stretch(task, &stretches[i], begin, end, radius, depth);
    }
}

typedef struct {
    const Interpolation *interpolation;
    const Run *runs;
} Task;

INLINE void interpolate_runs(const Task *task, int64_t begin, int64_t end, int depth) {
    const Interpolation *interpolation = task->interpolation;
    for (; begin < end; begin += GROUP_RUNS) {
        const Run *runs = task->runs + begin;
        const int count = begin + GROUP_RUNS < end ? GROUP_RUNS : (int)(end - begin);
        switch (interpolation->radius) { /* known, it makes loops plain */
            case 0: interpolate_group(interpolation, runs, count, 0, depth); break;
            case 1: interpolate_group(interpolation, runs, count, 1, depth); break;
            case 2: interpolate_group(interpolation, runs, count, 2, depth); break;
            default: interpolate_group(interpolation, runs, count, MAX_RADIUS, depth); break;
        }
    }
}

static void part_fp32(const void *task, int64_t begin, int64_t end) { interpolate_runs(task, begin, end, 1); }

int interpolate_fp32(const Interpolation *interpolation, const Run *runs, int64_t count, int threads) {
    const Task task = {interpolation, runs};
    shared_out(part_fp32, &task, count, threads);
    return 0;
}

#ifdef __AVX512BF16__
static void part_bf16(const void *task, int64_t begin, int64_t end) { interpolate_runs(task, begin, end, 2); }

int interpolate_bf16(const Interpolation *interpolation, const Run *runs, int64_t count, int threads) {
    const Task task = {interpolation, runs};
    shared_out(part_bf16, &task, count, threads);
    return 0;
}
#endif
