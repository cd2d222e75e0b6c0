/* Masks, as the makers of lists read them. */
#ifndef INTERIM_MASKS_H
#define INTERIM_MASKS_H

#include "cells.h"

/* One byte a position. Class CMask of native/runs.py: change both. */
typedef struct {
    const uint8_t *bytes;
    int64_t image_stride, row_stride; /* in bytes */
    int32_t images, height, width;
} Mask;

/* 16 positions of a row, of which `count` exist; the others are not set. */
INLINE uint16_t word_at(const uint8_t *row, int64_t count) {
#ifdef __SSE2__
    if (count >= LANES) {
        const __m128i zero = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)row), _mm_setzero_si128());
        return (uint16_t)~_mm_movemask_epi8(zero);
    }
#endif
    uint16_t word = 0;
    for (int64_t lane = 0; lane < count && lane < LANES; lane++) word |= (uint16_t)((row[lane] != 0) << lane);
    return word;
}

#endif
