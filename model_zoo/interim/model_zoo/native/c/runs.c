/* From a mask to the runs that cover it: as few as can be, aligned where that costs none more.
 *
 * A row's mask is read as words of 16 positions. Each stretch of words that are not zero is
 * covered either by its words, or by runs that start at the next position not yet covered, which
 * is the least number there can be. */
#include <string.h>

#include "cells.h"

enum { MAX_WORDS = 4096 };

/* A mask of one byte a position, at every `step`-th position of a finer one's rows and columns. */
typedef struct {
    const uint8_t *bytes;
    int64_t image_stride, row_stride; /* in bytes, of the finer mask */
    int32_t step;
    int32_t images, height, width; /* of this one */
} Mask;

EXPORT int runs_of_mask(const Mask *mask, Run *runs);
EXPORT int mask_read_by_enlarging(const Mask *fine, int factor, uint8_t *coarse);

static uint16_t word_at(const uint8_t *row, int64_t step, int64_t count) {
#ifdef __SSE2__
    if (step == 1 && count >= LANES) {
        const __m128i zero = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)row), _mm_setzero_si128());
        return (uint16_t)~_mm_movemask_epi8(zero);
    }
#endif
    uint16_t word = 0;
    for (int64_t lane = 0; lane < count && lane < LANES; lane++) word |= (uint16_t)((row[lane * step] != 0) << lane);
    return word;
}

/* The 16 positions from `x` on. */
static uint16_t window(const uint16_t *words, int64_t x) {
    const uint32_t both = words[x / LANES] | (uint32_t)words[x / LANES + 1] << 16;
    return (uint16_t)(both >> x % LANES);
}

/* The first position from `x` on that is set, or `end`. */
static int64_t next_set(const uint16_t *words, int64_t x, int64_t end) {
    while (x < end) {
        const uint16_t ahead = window(words, x);
        if (ahead) return x + __builtin_ctz(ahead);
        x += LANES;
    }
    return end;
}

/* Runs for the words `begin` to `end - 1`, none of them zero; returns how many. */
static int64_t cover(const uint16_t *words, int64_t begin, int64_t end, Run at, Run *runs) {
    const int64_t last = end * LANES;
    int64_t fewest = 0;
    for (int64_t x = next_set(words, begin * LANES, last); x < last; x = next_set(words, x + LANES, last)) fewest++;
    if (fewest == end - begin) {
        for (int64_t word = begin; word < end; word++) {
            at.x = (uint16_t)(word * LANES);
            at.lanes = words[word];
            *runs++ = at;
        }
        return fewest;
    }
    for (int64_t x = next_set(words, begin * LANES, last); x < last; x = next_set(words, x + LANES, last)) {
        at.x = (uint16_t)x;
        at.lanes = window(words, x);
        *runs++ = at;
    }
    return fewest;
}

static int64_t runs_of_row(const uint8_t *row, int64_t step, int64_t width, Run at, Run *runs) {
    uint16_t words[MAX_WORDS + 2];
    const int64_t count = (width + LANES - 1) / LANES;
    for (int64_t word = 0; word < count; word++)
        words[word] = word_at(row + word * LANES * step, step, width - word * LANES);
    words[count] = words[count + 1] = 0;
    int64_t made = 0;
    for (int64_t begin = 0; begin < count; begin++) {
        int64_t end = begin;
        while (words[end]) end++;
        if (end > begin) made += cover(words, begin, end, at, runs + made);
        begin = end;
    }
    return made;
}

/* Runs for all that is set, images and rows in order. There is room for one every 16 positions of
 * every row; returns how many there are. Width ends at 65535. */
int runs_of_mask(const Mask *mask, Run *runs) {
    int64_t made = 0;
    for (int image = 0; image < mask->images; image++)
        for (int y = 0; y < mask->height; y++) {
            const uint8_t *row =
                mask->bytes + image * mask->image_stride + (int64_t)y * mask->step * mask->row_stride;
            const Run at = {.y = (uint16_t)y, .image = (uint16_t)image};
            made += runs_of_row(row, mask->step, mask->width, at, runs + made);
        }
    return (int)made;
}

/* Which positions of a map `factor` times smaller a bilinear enlargement reads under a mask, into
 * bytes of 0 and 1: those with a set position inside, and all their neighbours. */
int mask_read_by_enlarging(const Mask *fine, int factor, uint8_t *coarse) {
    const int64_t height = fine->height / factor, width = fine->width / factor;
    memset(coarse, 0, (size_t)(fine->images * height * width));
    for (int64_t image = 0; image < fine->images; image++, coarse += height * width)
        for (int64_t y = 0; y < fine->height; y++) {
            const uint8_t *row = fine->bytes + image * fine->image_stride + y * fine->step * fine->row_stride;
            const int64_t middle = y / factor;
            for (int64_t x = 0; x < fine->width; x++) {
                if (!row[x * fine->step]) continue;
                const int64_t column = x / factor;
                for (int64_t v = middle - (middle > 0); v <= middle + (middle + 1 < height); v++)
                    for (int64_t u = column - (column > 0); u <= column + (column + 1 < width); u++)
                        coarse[v * width + u] = 1;
                x = (column + 1) * factor - 1; /* the rest of this cell's row adds nothing */
            }
        }
    return 0;
}
