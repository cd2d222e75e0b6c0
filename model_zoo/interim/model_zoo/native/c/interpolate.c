/* target = [relu](sum over taps of weight * source beside it + shift [+ residual]), the same taps for
 * every channel, where the runs say. The source is 0 wherever it is not known. */
#include "threads.h"
#include "vectors.h"

enum {
    MAX_TAPS = 49,
    /* Neighbours read the same lines: some are done together, so few planes at a time that those lines stay in the first
     * cache. */
    GROUP_RUNS = 16,
    GROUP_PLANES = 8,
};

/* A neighbour, and what it counts. */
typedef struct {
    int32_t down, right;
    float weight;
} Tap;

/* Class CInterpolation of native/taps.py: change both. */
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

/* A run with its taps that lie inside the map. */
typedef struct {
    Run run;
    int count, cut; /* of the taps; whether one of them lies outside for some lanes */
    Reach reaches[MAX_TAPS];
} Reader;

static void find_reaches(const Interpolation *task, Run run, Reader *reader) {
    const Map *source = &task->source;
    reader->run = run;
    reader->count = reader->cut = 0;
    for (int i = 0; i < task->tap_count; i++) {
        const Tap tap = task->taps[i];
        const int y = run.y + tap.down;
        const uint16_t inside = lanes_inside(run.x + tap.right, source->width);
        if (y < 0 || y >= source->height || !(inside & run.lanes)) continue;
        if (run.lanes & ~inside) reader->cut = 1;
        const int64_t offset = (int64_t)tap.down * source->row_pitch + tap.right;
        reader->reaches[reader->count++] = (Reach){offset, tap.weight, inside};
    }
}

INLINE void interpolate_part(
    const Interpolation *task, const Reader *reader, int part, int64_t begin, int64_t end, int cut, int depth
) {
    const Map *source = &task->source, *target = &task->target, *residual = &task->residual;
    const Run run = reader->run;
    const int x = run.x + part * VECTOR;
    const Cell *from = cell_at(source, run.image, run.y, x);
    const Cell *added = residual->cells ? cell_at(residual, run.image, run.y, x) : NULL;
    Cell *to = cell_at(target, run.image, run.y, x);
    for (int64_t plane = begin; plane < end; plane++) {
        Channels sum;
        for (int c = 0; c < depth; c++) sum.channel[c] = filled(task->shift[plane * depth + c]);
        for (const Reach *reach = reader->reaches; reach < reader->reaches + reader->count; reach++) {
            Channels near = load_channels(from + plane * source->plane_stride + reach->offset, depth);
            for (int c = 0; c < depth; c++) {
                if (cut) near.channel[c] = kept(near.channel[c], lanes_of(reach->inside, part * VECTOR));
                sum.channel[c] = near.channel[c] * filled(reach->weight) + sum.channel[c];
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

INLINE void interpolate_planes(const Interpolation *task, const Reader *reader, int64_t begin, int64_t end, int depth) {
    for (int part = 0; part < RUN_PARTS; part++) {
        if (!(reader->run.lanes >> part * VECTOR & ((1u << VECTOR) - 1))) continue;
        if (reader->cut) interpolate_part(task, reader, part, begin, end, 1, depth);
        else interpolate_part(task, reader, part, begin, end, 0, depth);
    }
}

INLINE void interpolate_runs(const Interpolation *task, const Run *runs, int64_t begin, int64_t end, int depth) {
    const int64_t planes = task->target.planes;
    for (; begin < end; begin += GROUP_RUNS) {
        Reader readers[GROUP_RUNS];
        const int64_t count = begin + GROUP_RUNS < end ? GROUP_RUNS : end - begin;
        for (int i = 0; i < count; i++) find_reaches(task, runs[begin + i], &readers[i]);
        for (int64_t plane = 0; plane < planes; plane += GROUP_PLANES) {
            const int64_t until = plane + GROUP_PLANES < planes ? plane + GROUP_PLANES : planes;
            for (int i = 0; i < count; i++) interpolate_planes(task, &readers[i], plane, until, depth);
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
