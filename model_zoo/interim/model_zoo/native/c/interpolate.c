/* target = [relu](sum over taps of weight * source beside it + shift [+ residual]), the same taps for
 * every channel, where the runs say. The source is 0 wherever it is not known. */
#include "threads.h"
#include "vectors.h"

enum { MAX_TAPS = 49 };

/* A neighbour, and what it counts. */
typedef struct {
    int32_t down, right;
    float weight;
} Tap;

/* Class CInterpolation of native/interpolation.py: change both. */
typedef struct {
    const Tap *taps;
    const float *shift; /* per channel, made even */
    int32_t tap_count;  /* up to MAX_TAPS */
    int32_t relu;       /* 0 or 1 */
    Map source, target;
    Map residual; /* cells are NULL where there is none; may be the target */
} Interpolation;

EXPORT int interpolate_bf16(const Interpolation *task, const Run *runs, int64_t count, int threads);
EXPORT int interpolate_fp32(const Interpolation *task, const Run *runs, int64_t count, int threads);

/* A tap of one run. */
typedef struct {
    int64_t offset; /* in cells */
    float weight;
    uint16_t inside; /* lanes whose neighbour lies inside the row */
} Reach;

/* Lanes k with 0 <= x + k < width. */
static uint16_t lanes_inside(int x, int width) {
    const int first = x < 0 ? -x : 0, end = width - x < LANES ? width - x : LANES;
    return end > first ? (uint16_t)(((1u << end) - 1) & ~((1u << first) - 1)) : 0;
}

/* The taps of a run that lie inside the map; `cut`: whether one of them does not for some of its lanes. */
static int reaches_of(const Interpolation *task, Run run, Reach *reaches, int *cut) {
    const Map *source = &task->source;
    int count = 0;
    *cut = 0;
    for (int i = 0; i < task->tap_count; i++) {
        const Tap tap = task->taps[i];
        const int y = run.y + tap.down;
        const uint16_t inside = lanes_inside(run.x + tap.right, source->width);
        if (y < 0 || y >= source->height || !(inside & run.lanes)) continue;
        if (run.lanes & ~inside) *cut = 1;
        reaches[count++] = (Reach){(int64_t)tap.down * source->row_pitch + tap.right, tap.weight, inside};
    }
    return count;
}

INLINE void interpolate_part(
    const Interpolation *task, Run run, int part, const Reach *reaches, int count, int cut, int depth
) {
    const Map *source = &task->source, *target = &task->target, *residual = &task->residual;
    const int x = run.x + part * VECTOR;
    const Cell *from = cell_at(source, run.image, run.y, x);
    const Cell *added = residual->cells ? cell_at(residual, run.image, run.y, x) : NULL;
    Cell *to = cell_at(target, run.image, run.y, x);
    for (int64_t plane = 0; plane < target->planes; plane++) {
        Channels sum;
        for (int c = 0; c < depth; c++) sum.channel[c] = filled(task->shift[plane * depth + c]);
        for (int i = 0; i < count; i++) {
            Channels near = load_channels(from + plane * source->plane_stride + reaches[i].offset, depth);
            for (int c = 0; c < depth; c++) {
                if (cut) near.channel[c] = kept(near.channel[c], lanes_of(reaches[i].inside, part * VECTOR));
                sum.channel[c] = near.channel[c] * filled(reaches[i].weight) + sum.channel[c];
            }
        }
        if (added) {
            const Channels before = load_channels(added + plane * residual->plane_stride, depth);
            for (int c = 0; c < depth; c++) sum.channel[c] = sum.channel[c] + before.channel[c];
        }
        if (task->relu)
            for (int c = 0; c < depth; c++) sum.channel[c] = relued(sum.channel[c]);
        store_channels(to + plane * target->plane_stride, lanes_of(run.lanes, part * VECTOR), sum, depth);
    }
}

INLINE void interpolate_runs(const Interpolation *task, const Run *runs, int64_t begin, int64_t end, int depth) {
    for (int64_t i = begin; i < end; i++) {
        Reach reaches[MAX_TAPS];
        int cut;
        const int count = reaches_of(task, runs[i], reaches, &cut);
        for (int part = 0; part < RUN_PARTS; part++) {
            if (!(runs[i].lanes >> part * VECTOR & ((1u << VECTOR) - 1))) continue;
            if (cut) interpolate_part(task, runs[i], part, reaches, count, 1, depth);
            else interpolate_part(task, runs[i], part, reaches, count, 0, depth);
        }
    }
}

typedef struct {
    const Interpolation *interpolation;
    const Run *runs;
} Task;

static void part_fp32(const void *given, int64_t begin, int64_t end) {
    const Task *task = given;
    interpolate_runs(task->interpolation, task->runs, begin, end, 1);
}

int interpolate_fp32(const Interpolation *interpolation, const Run *runs, int64_t count, int threads) {
    const Task task = {interpolation, runs};
    shared_out(part_fp32, &task, count, threads);
    return 0;
}

#ifdef __AVX512BF16__
static void part_bf16(const void *given, int64_t begin, int64_t end) {
    const Task *task = given;
    interpolate_runs(task->interpolation, task->runs, begin, end, 2);
}

int interpolate_bf16(const Interpolation *interpolation, const Run *runs, int64_t count, int threads) {
    const Task task = {interpolation, runs};
    shared_out(part_bf16, &task, count, threads);
    return 0;
}
#endif
