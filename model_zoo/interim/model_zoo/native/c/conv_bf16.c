/* Convolution in bf16, added up in fp32: AVX-512 with its BF16 extension. A cell is two channels, so
 * every multiplication takes two inputs. */
#include "cells.h"

#if defined(__AVX512BW__) && defined(__AVX512BF16__)

typedef __m512 Sum;
typedef __m512i Cells;
enum { PARTS = 1, GROUP_RUNS = 4, SMALL_RUNS = 2 };

INLINE Cells load(const Cell *at) { return _mm512_loadu_si512(at); }

INLINE Cells load_halved(const Cell *at) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_epi32(load(at), even, load(at + LANES));
}

INLINE Cells broadcast(Cell weight) { return _mm512_set1_epi32((int32_t)weight); }

INLINE Sum filled(float value) { return _mm512_set1_ps(value); }

INLINE Sum multiplied(Sum sum, Cells weight, Cells x) {
    return _mm512_dpbf16_ps(sum, (__m512bh)weight, (__m512bh)x);
}

#define CHANNELS 2
#define CONV conv_bf16
#include "conv_blocks.h"

/* Two outputs at a time: they share their cells. */
INLINE void write_run(const Conv *conv, const Place *place, int first, int outputs, const Sums sums) {
#pragma GCC unroll 3
    for (int o = 0; o < outputs; o += 2) {
        const int64_t plane = (first + o) / 2;
        Cell *target = place->target + plane * conv->target.plane_stride;
        __m512 even = sums[o][0], odd = sums[o + 1][0];
        if (place->residual) {
            const __m512i cells = load(place->residual + plane * conv->residual.plane_stride);
            even = _mm512_add_ps(even, even_channel(cells));
            odd = _mm512_add_ps(odd, odd_channel(cells));
        }
        if (conv->relu) {
            even = _mm512_max_ps(even, _mm512_setzero_ps());
            odd = _mm512_max_ps(odd, _mm512_setzero_ps());
        }
        show_sanitizer(target, place->lanes);
        _mm512_mask_storeu_epi32(target, place->lanes, bf16_cells(even, odd));
    }
}

#endif
