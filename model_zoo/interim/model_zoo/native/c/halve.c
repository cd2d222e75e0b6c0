/* target = [relu](mean of 2x2 positions of the source), where the runs say. */
#include "threads.h"
#include "vectors.h"

typedef struct {
    const Map *source, *target;
    const Run *runs;
    int32_t relu;
} Halving;

EXPORT int halve_bf16(const Map *source, const Map *target, const Run *runs, int64_t count, int relu, int threads);
EXPORT int halve_fp32(const Map *source, const Map *target, const Run *runs, int64_t count, int relu, int threads);

INLINE void halve_runs(const Halving *task, int64_t begin, int64_t end, int depth) {
    const Map *source = task->source, *target = task->target;
    for (int64_t i = begin * RUN_PARTS; i < end * RUN_PARTS; i++) {
        const Run run = task->runs[i / RUN_PARTS];
        const int first = (int)(i % RUN_PARTS) * VECTOR, x = run.x + first;
        const Lanes lanes = lanes_of(run.lanes, first);
        const Cell *above = cell_at(source, run.image, 2 * run.y, 2 * x);
        Cell *at = cell_at(target, run.image, run.y, x);
        for (int plane = 0; plane < target->planes; plane++) {
            const Cell *below = above + source->row_pitch;
            const Channels a = load_channels(above, depth), b = load_channels(above + VECTOR, depth);
            const Channels c = load_channels(below, depth), d = load_channels(below + VECTOR, depth);
            Channels mean;
#pragma GCC unroll 2
            for (int k = 0; k < depth; k++) {
                const Floats left = a.channel[k] + c.channel[k], right = b.channel[k] + d.channel[k];
                mean.channel[k] = pairs_added(left, right) * filled(0.25f);
                if (task->relu) mean.channel[k] = relued(mean.channel[k]);
            }
            store_channels(at, lanes, mean, depth);
            above += source->plane_stride;
            at += target->plane_stride;
        }
    }
}

static void part_fp32(const void *task, int64_t begin, int64_t end) { halve_runs(task, begin, end, 1); }

int halve_fp32(const Map *source, const Map *target, const Run *runs, int64_t count, int relu, int threads) {
    const Halving task = {source, target, runs, relu};
    shared_out(part_fp32, &task, count, threads);
    return 0;
}

#ifdef __AVX512BF16__
static void part_bf16(const void *task, int64_t begin, int64_t end) { halve_runs(task, begin, end, 2); }

int halve_bf16(const Map *source, const Map *target, const Run *runs, int64_t count, int relu, int threads) {
    const Halving task = {source, target, runs, relu};
    shared_out(part_bf16, &task, count, threads);
    return 0;
}
#endif
