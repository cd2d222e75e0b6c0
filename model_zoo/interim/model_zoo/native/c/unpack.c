/* A map's listed positions to plain planes of floats; the others keep what they were. */
#include "planes.h"
#include "threads.h"
#include "vectors.h"

typedef struct {
    const Map *source;
    const Planes *target;
    const Run *runs;
} Unpacking;

EXPORT int unpack_bf16(const Map *source, const Planes *target, const Run *runs, int64_t count, int threads);
EXPORT int unpack_fp32(const Map *source, const Planes *target, const Run *runs, int64_t count, int threads);

INLINE void unpack_runs(const Unpacking *task, int64_t begin, int64_t end, int depth) {
    const Planes *target = task->target;
    for (int64_t i = begin * RUN_PARTS; i < end * RUN_PARTS; i++) {
        const Run run = task->runs[i / RUN_PARTS];
        const int first = (int)(i % RUN_PARTS) * VECTOR, x = run.x + first;
        const Lanes lanes = lanes_of(run.lanes, first);
        const Cell *from = cell_at(task->source, run.image, run.y, x);
        float *to = target->values + run.image * target->image_stride + run.y * target->row_stride + x;
        for (int channel = 0; channel < target->channels; channel += depth) {
            const Channels cells = load_channels(from, depth);
            store_floats(to, lanes, cells.channel[0]);
            if (depth == 2 && channel + 1 < target->channels)
                store_floats(to + target->plane_stride, lanes, cells.channel[1]);
            from += task->source->plane_stride;
            to += depth * target->plane_stride;
        }
    }
}

static void part_fp32(const void *task, int64_t begin, int64_t end) { unpack_runs(task, begin, end, 1); }

int unpack_fp32(const Map *source, const Planes *target, const Run *runs, int64_t count, int threads) {
    const Unpacking task = {source, target, runs};
    shared_out(part_fp32, &task, count, threads);
    return 0;
}

#ifdef __AVX512BF16__
static void part_bf16(const void *task, int64_t begin, int64_t end) { unpack_runs(task, begin, end, 2); }

int unpack_bf16(const Map *source, const Planes *target, const Run *runs, int64_t count, int threads) {
    const Unpacking task = {source, target, runs};
    shared_out(part_bf16, &task, count, threads);
    return 0;
}
#endif
