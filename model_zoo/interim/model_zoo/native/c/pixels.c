/* Images in bytes to what the first convolution takes: red, green, blue and ones. The bytes are
 * exact in either kind of number; the ones make the border count as zero after normalisation. */
#include "threads.h"
#include "vectors.h"

/* Class CPixels of native/pixels.py: change both. Strides in bytes. */
typedef struct {
    const uint8_t *bytes;
    int64_t image_stride, channel_stride, row_stride, pixel_stride;
} Pixels;

typedef struct {
    const Pixels *pixels;
    const Map *target;
    int64_t first;
} Intake;

/* Rows `first` to `first + count - 1` of all images, which follow one another. */
EXPORT int pixels_bf16(const Pixels *pixels, const Map *target, int64_t first, int64_t count, int threads);
EXPORT int pixels_fp32(const Pixels *pixels, const Map *target, int64_t first, int64_t count, int threads);

enum { STEP = 8, CHANNELS = 3, WIDE_LOAD = 28 /* bytes that load_interleaved() reads */ };

/* Eight pixels, of whatever strides, `left` of which exist. */
static void load_pixels(const uint8_t *at, const Pixels *pixels, int64_t left, __m256i *colours) {
    int32_t lanes[CHANNELS][STEP] = {0};
    for (int c = 0; c < CHANNELS; c++)
        for (int64_t i = 0; i < STEP && i < left; i++)
            lanes[c][i] = at[c * pixels->channel_stride + i * pixels->pixel_stride];
    for (int c = 0; c < CHANNELS; c++) colours[c] = _mm256_loadu_si256((const __m256i *)lanes[c]);
}

/* Eight pixels of three bytes each. */
INLINE void load_interleaved(const uint8_t *at, __m256i *colours) {
    const __m256i bytes = _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)at)), _mm_loadu_si128((const __m128i *)(at + 12)), 1
    );
    for (int c = 0; c < CHANNELS; c++) {
        const __m256i from = _mm256_setr_epi32(c, c + 3, c + 6, c + 9, c, c + 3, c + 6, c + 9);
        colours[c] = _mm256_shuffle_epi8(bytes, _mm256_or_si256(from, _mm256_set1_epi32((int32_t)0xffffff00u)));
    }
}

INLINE __m256i float_bits(__m256i bytes) { return _mm256_castps_si256(_mm256_cvtepi32_ps(bytes)); }

INLINE void store_cells(Cell *at, int64_t count, __m256i cells) {
    if (count >= STEP) {
        _mm256_storeu_si256((__m256i *)at, cells);
        return;
    }
    const uint16_t lanes = (uint16_t)((1u << count) - 1);
    show_sanitizer(at, lanes);
    _mm256_maskstore_epi32((int *)at, lane_mask_avx2(lanes, 0), cells);
}

INLINE void store_pixels(Cell *at, int64_t stride, int64_t left, const __m256i *colours, int depth) {
    const __m256i red = float_bits(colours[0]), green = float_bits(colours[1]), blue = float_bits(colours[2]);
    const __m256i one = _mm256_castps_si256(_mm256_set1_ps(1));
    if (depth == 2) { /* a byte's float has zeros below: its upper half is its bf16 */
        store_cells(at, left, _mm256_or_si256(_mm256_srli_epi32(red, 16), green));
        store_cells(at + stride, left, _mm256_or_si256(_mm256_srli_epi32(blue, 16), one));
        return;
    }
    store_cells(at, left, red);
    store_cells(at + stride, left, green);
    store_cells(at + 2 * stride, left, blue);
    store_cells(at + 3 * stride, left, one);
}

INLINE void intake_row(const Pixels *pixels, const Map *target, int64_t row, int depth) {
    const int64_t image = row / target->height, y = row % target->height, width = target->width;
    const uint8_t *from = pixels->bytes + image * pixels->image_stride + y * pixels->row_stride;
    Cell *at = cell_at(target, image, y, 0);
    const int interleaved = pixels->channel_stride == 1 && pixels->pixel_stride == CHANNELS;
    for (int64_t x = 0; x < width; x += STEP) {
        __m256i colours[CHANNELS];
        if (interleaved && CHANNELS * (width - x) >= WIDE_LOAD)
            load_interleaved(from + x * CHANNELS, colours);
        else
            load_pixels(from + x * pixels->pixel_stride, pixels, width - x, colours);
        store_pixels(at + x, target->plane_stride, width - x, colours, depth);
    }
}

static void part_bf16(const void *given, int64_t begin, int64_t end) {
    const Intake *task = given;
    for (int64_t row = begin; row < end; row++) intake_row(task->pixels, task->target, task->first + row, 2);
}

static void part_fp32(const void *given, int64_t begin, int64_t end) {
    const Intake *task = given;
    for (int64_t row = begin; row < end; row++) intake_row(task->pixels, task->target, task->first + row, 1);
}

int pixels_bf16(const Pixels *pixels, const Map *target, int64_t first, int64_t count, int threads) {
    const Intake task = {pixels, target, first};
    shared_out(part_bf16, &task, count, threads);
    return 0;
}

int pixels_fp32(const Pixels *pixels, const Map *target, int64_t first, int64_t count, int threads) {
    const Intake task = {pixels, target, first};
    shared_out(part_fp32, &task, count, threads);
    return 0;
}
