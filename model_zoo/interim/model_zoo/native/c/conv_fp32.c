/* Convolution in fp32: AVX-512 or AVX2, whichever the compiler may use. A cell is one channel. */
#include "cells.h"

#if defined(__AVX512F__)

typedef __m512 Sum;
typedef __m512 Cells;
enum { PARTS = 1, GROUP_RUNS = 4, SMALL_RUNS = 2 };

INLINE Cells load(const Cell *at) { return _mm512_loadu_ps(at); }

INLINE Cells load_halved(const Cell *at) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(load(at), even, load(at + LANES));
}

INLINE Cells broadcast(Cell weight) { return _mm512_castsi512_ps(_mm512_set1_epi32((int32_t)weight)); }

INLINE Sum filled(float value) { return _mm512_set1_ps(value); }

INLINE Sum multiplied(Sum sum, Cells weight, Cells x) { return _mm512_fmadd_ps(weight, x, sum); }

INLINE Sum added(Sum a, Sum b) { return _mm512_add_ps(a, b); }

INLINE Sum rectified(Sum sum) { return _mm512_max_ps(sum, _mm512_setzero_ps()); }

INLINE void store(Cell *at, uint16_t lanes, int part, Sum sum) {
    (void)part;
    show_sanitizer(at, lanes);
    _mm512_mask_storeu_ps(at, lanes, sum);
}

#elif defined(__AVX2__) && defined(__FMA__)

typedef __m256 Sum;
typedef __m256 Cells;
enum { PARTS = 2, GROUP_RUNS = 1, SMALL_RUNS = 1 };

INLINE Cells load(const Cell *at) { return _mm256_loadu_ps((const float *)at); }

INLINE Cells load_halved(const Cell *at) {
    const __m256 pairs = _mm256_shuffle_ps(load(at), load(at + LANES / 2), _MM_SHUFFLE(2, 0, 2, 0));
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(pairs), _MM_SHUFFLE(3, 1, 2, 0)));
}

INLINE Cells broadcast(Cell weight) { return _mm256_castsi256_ps(_mm256_set1_epi32((int32_t)weight)); }

INLINE Sum filled(float value) { return _mm256_set1_ps(value); }

INLINE Sum multiplied(Sum sum, Cells weight, Cells x) { return _mm256_fmadd_ps(weight, x, sum); }

INLINE Sum added(Sum a, Sum b) { return _mm256_add_ps(a, b); }

INLINE Sum rectified(Sum sum) { return _mm256_max_ps(sum, _mm256_setzero_ps()); }

/* Masked stores are slow on some processors, and most runs are full. */
INLINE void store(Cell *at, uint16_t lanes, int part, Sum sum) {
    show_sanitizer(at, lanes >> part * (LANES / PARTS) & 0xff);
    if (lanes == 0xffff)
        _mm256_storeu_ps((float *)at, sum);
    else
        _mm256_maskstore_ps((float *)at, lane_mask_avx2(lanes, part * (LANES / PARTS)), sum);
}

#endif

#if defined(__AVX2__) && defined(__FMA__)

#define CHANNELS 1
#define CONV conv_fp32
#include "conv_blocks.h"

/* The last output may be there only to make a block even. */
INLINE void write_run(const Conv *conv, const Place *place, int first, int outputs, const Sums sums) {
#pragma GCC unroll 6
    for (int o = 0; o < outputs; o++) {
        const int64_t plane = first + o;
        if (plane >= conv->outputs) break;
#pragma GCC unroll 2
        for (int part = 0; part < PARTS; part++) {
            const int64_t lane = part * (LANES / PARTS);
            Sum sum = sums[o][part];
            if (place->residual)
                sum = added(sum, load(place->residual + plane * conv->residual.plane_stride + lane));
            if (conv->relu) sum = rectified(sum);
            store(place->target + plane * conv->target.plane_stride + lane, place->lanes, part, sum);
        }
    }
}

#endif
