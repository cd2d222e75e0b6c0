/* The class of every pixel: the argmax of bilinearly enlarged logits, as label_map.py explains it.
 *
 * Between four neighbouring logits lies a cell of stride x stride pixels. Where all four have one
 * class so has the cell; in the others every class is interpolated at all of their pixels, a vector
 * at a time. Beyond the border the outermost logits go on. */
#include <string.h>

#include "planes.h"
#include "threads.h"
#include "vectors.h"

enum { MAX_STRIDE = 8, MAX_PIXELS = MAX_STRIDE * MAX_STRIDE, TILE_CELLS = 64 };

typedef struct {
    const Planes *logits;
    const uint8_t *coarse; /* the logits' own classes, (images, h, w) */
    uint8_t *labels;       /* (images, height, width) */
    int32_t stride;        /* even, up to MAX_STRIDE */
    int64_t height, width; /* of the label map, at most stride times the logits' */
    float weights[4][MAX_PIXELS + LANES]; /* of the corners at a cell's pixels */
} Enlarged;

EXPORT int label_map(
    const Planes *logits, const uint8_t *coarse, uint8_t *labels, int stride, int64_t height, int64_t width, int threads
);

static void weigh(Enlarged *task) {
    const int stride = task->stride;
    for (int y = 0; y < stride; y++)
        for (int x = 0; x < stride; x++) {
            const float down = (float)(2 * y + 1) / (float)(2 * stride), right = (float)(2 * x + 1) / (float)(2 * stride);
            const int pixel = y * stride + x;
            task->weights[0][pixel] = (1 - down) * (1 - right);
            task->weights[1][pixel] = (1 - down) * right;
            task->weights[2][pixel] = down * (1 - right);
            task->weights[3][pixel] = down * right;
        }
}

/* The classes of a mixed cell's pixels from its corners' logits of class 0. */
INLINE void interpolate(const Enlarged *task, const float *const *corners, int pixels, uint8_t *found) {
    for (int first = 0; first < pixels; first += VECTOR) {
        Floats weights[4], largest = filled(0);
        for (int i = 0; i < 4; i++) weights[i] = load_floats(task->weights[i] + first);
        Ints label = filled_ints(0);
        for (int c = 0; c < task->logits->channels; c++) {
            const int64_t at = c * task->logits->plane_stride;
            Floats value = filled(corners[0][at]) * weights[0];
            value = filled(corners[1][at]) * weights[1] + value;
            value = filled(corners[2][at]) * weights[2] + value;
            value = filled(corners[3][at]) * weights[3] + value;
            if (c == 0) {
                largest = value;
                continue;
            }
            label = chosen_ints(is_larger(value, largest), filled_ints(c), label);
            largest = larger(value, largest);
        }
        _mm_storeu_si128((__m128i *)(found + first), low_bytes(label));
    }
}

/* The cells of one tile, as rows of pixels: `tile` has `stride` rows of TILE_CELLS * stride bytes. */
typedef struct {
    const float *above, *below;                /* rows of logits, class 0 */
    const uint8_t *labels_above, *labels_below; /* their classes */
} Band;

INLINE int64_t clamped(int64_t x, int64_t end) { return x < 0 ? 0 : x < end ? x : end - 1; }

INLINE void fill_cell(const Enlarged *task, const Band *band, int64_t cell, int stride, uint8_t *at) {
    const int64_t left = clamped(cell - 1, task->logits->width), right = clamped(cell, task->logits->width);
    const uint8_t label = band->labels_above[left];
    const int pitch = TILE_CELLS * stride;
    if (label == band->labels_above[right] && label == band->labels_below[left] && label == band->labels_below[right]) {
        for (int y = 0; y < stride; y++) memset(at + y * pitch, label, (size_t)stride);
        return;
    }
    const float *const corners[4] = {band->above + left, band->above + right, band->below + left, band->below + right};
    uint8_t found[MAX_PIXELS + LANES];
    interpolate(task, corners, stride * stride, found);
    for (int y = 0; y < stride; y++) memcpy(at + y * pitch, found + y * stride, (size_t)stride);
}

/* Cells `begin` to `end - 1` of a band, and the pixels of them that the map has. */
INLINE void fill_tile(const Enlarged *task, const Band *band, int64_t image, int64_t y, int64_t begin, int64_t end, int stride) {
    uint8_t tile[MAX_STRIDE * TILE_CELLS * MAX_STRIDE];
    for (int64_t cell = begin; cell < end; cell++)
        fill_cell(task, band, cell, stride, tile + (cell - begin) * stride);
    const int64_t start = begin * stride - stride / 2, from = start < 0 ? 0 : start;
    const int64_t stop = end * stride - stride / 2, to = stop < task->width ? stop : task->width;
    if (to <= from) return;
    for (int64_t row = 0; row < stride; row++) {
        if (y + row < 0 || y + row >= task->height) continue;
        uint8_t *at = task->labels + (image * task->height + y + row) * task->width + from;
        memcpy(at, tile + row * TILE_CELLS * stride + (from - start), (size_t)(to - from));
    }
}

INLINE void fill_bands(const Enlarged *task, int64_t begin, int64_t end, int stride) {
    const Planes *logits = task->logits;
    const int64_t height = logits->height, width = logits->width;
    for (int64_t i = begin; i < end; i++) {
        const int64_t image = i / (height + 1), cell = i % (height + 1);
        const int64_t above = clamped(cell - 1, height), below = clamped(cell, height);
        const float *from = logits->values + image * logits->image_stride;
        const uint8_t *coarse = task->coarse + image * height * width;
        const Band band = {
            from + above * logits->row_stride, from + below * logits->row_stride, coarse + above * width,
            coarse + below * width
        };
        for (int64_t tile = 0; tile <= width; tile += TILE_CELLS)
            fill_tile(
                task, &band, image, cell * stride - stride / 2, tile,
                tile + TILE_CELLS <= width ? tile + TILE_CELLS : width + 1, stride
            );
    }
}

static void label_part(const void *given, int64_t begin, int64_t end) {
    const Enlarged *task = given;
    if (task->stride == 4) fill_bands(task, begin, end, 4); /* a known stride makes plain stores of memset */
    else fill_bands(task, begin, end, task->stride);
}

int label_map(
    const Planes *logits, const uint8_t *coarse, uint8_t *labels, int stride, int64_t height, int64_t width, int threads
) {
    Enlarged task = {logits, coarse, labels, stride, height, width, {{0}}};
    weigh(&task);
    shared_out(label_part, &task, (int64_t)logits->images * (logits->height + 1), threads);
    return 0;
}
