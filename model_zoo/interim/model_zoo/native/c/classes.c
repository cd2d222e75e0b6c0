/* Of every position: its class, how sure that is, and whether it is still refined. */
#include <string.h>

#include "planes.h"
#include "threads.h"
#include "vectors.h"

/* Class CSurety of native/planes.py: change both. Arrays (images, height, width) without gaps. */
typedef struct {
    const Planes *logits;
    const uint8_t *before; /* positions that were refined; NULL: all */
    float *confidence;
    uint8_t *active;
    float threshold;
} Surety;

EXPORT int most_probable(const Surety *task, int64_t first, int64_t count, int threads);
EXPORT int largest_class(const Planes *logits, uint8_t *labels, int threads);

/* e to the x for x from -87 to 0, to two units in the last place: 2^n times a polynomial of the
 * rest, Taylor's to the seventh power (|rest| <= ln 2 / 2: the eighth is 5e-9). */
INLINE Floats exponential(Floats x) {
    x = larger(filled(-87), x);
    const Ints power = rounded(x * filled(1.44269504f));
    const Floats whole = converted(power);
    Floats rest = x - whole * filled(0.693359375f); /* ln 2 in two parts, the first exact in products */
    rest = rest + whole * filled(2.12194440e-4f);
    Floats sum = filled(1.f / 5040);
    sum = sum * rest + filled(1.f / 720);
    sum = sum * rest + filled(1.f / 120);
    sum = sum * rest + filled(1.f / 24);
    sum = sum * rest + filled(1.f / 6);
    sum = sum * rest + filled(0.5f);
    sum = sum * rest + filled(1);
    sum = sum * rest + filled(1);
    return sum * as_floats(shifted_left(add_ints(power, filled_ints(127)), 23));
}

/* A vector of logits of one channel; the last `left` of a row may be fewer, and nothing lies behind. */
INLINE Floats load_some(const float *at, int64_t left) {
    if (left >= VECTOR) return load_floats(at);
    float held[VECTOR] = {0};
    memcpy(held, at, (size_t)left * sizeof *at);
    return load_floats(held);
}

static Floats confidence_of(const float *at, int64_t stride, int channels, int64_t left) {
    Floats largest = load_some(at, left);
    for (int c = 1; c < channels; c++) largest = larger(largest, load_some(at + c * stride, left));
    Floats sum = filled(0);
    for (int c = 0; c < channels; c++) sum = sum + exponential(load_some(at + c * stride, left) - largest);
    return filled(1) / sum;
}

static const float *row_of(const Planes *planes, int64_t row) {
    return planes->values + row / planes->height * planes->image_stride + row % planes->height * planes->row_stride;
}

static void judge_row(const Surety *task, int64_t row) {
    const Planes *logits = task->logits;
    const float *from = row_of(logits, row);
    const int64_t offset = row * logits->width;
    for (int64_t x = 0; x < logits->width; x += VECTOR) {
        const int64_t left = logits->width - x;
        const Floats found = confidence_of(from + x, logits->plane_stride, logits->channels, left);
        store_floats(task->confidence + offset + x, first_lanes(left), found);
        const uint32_t unsure = lane_bits(is_at_most(found, filled(task->threshold)));
        for (int64_t i = 0; i < VECTOR && i < left; i++) {
            const int64_t at = offset + x + i;
            task->active[at] = (unsure >> i & 1) && (task->before == NULL || task->before[at]);
        }
    }
}

typedef struct {
    const Surety *surety;
    int64_t first;
} Judging;

static void judge_part(const void *given, int64_t begin, int64_t end) {
    const Judging *task = given;
    for (int64_t row = begin; row < end; row++) judge_row(task->surety, task->first + row);
}

/* Confidence, 1 / sum of exp(logit - largest), and where it is at most the threshold, for rows
 * `first` to `first + count - 1` of all images, which follow one another. */
int most_probable(const Surety *surety, int64_t first, int64_t count, int threads) {
    const Judging task = {surety, first};
    shared_out(judge_part, &task, count, threads);
    return 0;
}

typedef struct {
    const Planes *logits;
    uint8_t *labels;
} Labelling;

static void label_part(const void *given, int64_t begin, int64_t end) {
    const Labelling *task = given;
    const Planes *logits = task->logits;
    for (int64_t row = begin; row < end; row++)
        for (int64_t x = 0; x < logits->width; x += VECTOR) {
            const int64_t left = logits->width - x;
            const float *from = row_of(logits, row) + x;
            Floats largest = load_some(from, left);
            Ints label = filled_ints(0);
            for (int c = 1; c < logits->channels; c++) {
                const Floats next = load_some(from + c * logits->plane_stride, left);
                label = chosen_ints(is_larger(next, largest), filled_ints(c), label);
                largest = larger(next, largest);
            }
            uint8_t bytes[LANES];
            _mm_storeu_si128((__m128i *)bytes, low_bytes(label));
            memcpy(task->labels + row * logits->width + x, bytes, (size_t)(left < VECTOR ? left : VECTOR));
        }
}

/* The class of the largest logit, the first of equals, (images, height, width) without gaps. */
int largest_class(const Planes *logits, uint8_t *labels, int threads) {
    const Labelling task = {logits, labels};
    shared_out(label_part, &task, (int64_t)logits->images * logits->height, threads);
    return 0;
}
