/* Convolution in fp32: AVX-512 or AVX2, whichever the compiler may use. A cell is one channel. */
#include "conv.h"

#if defined(__AVX512F__) && defined(__AVX512VL__)

typedef __m512 Sum;
typedef __m512 Cells;
enum { PARTS = 1, GROUP_RUNS = 4, SMALL_RUNS = 2 };

INLINE Cells load_halves(const Cell *low, const Cell *high) {
    const __m512d cells = _mm512_castpd256_pd512(_mm256_loadu_pd((const double *)low));
    return _mm512_castpd_ps(_mm512_insertf64x4(cells, _mm256_loadu_pd((const double *)high), 1));
}

INLINE Cells load_halved(const Cell *at) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(_mm512_loadu_ps(at), even, _mm512_loadu_ps(at + LANES));
}

INLINE Cells load_part(const Cell *const *at, int64_t offset, int part, enum Reading reading) {
    (void)part;
    if (reading == HALVES) return load_halves(at[0] + offset, at[1] + offset);
    return reading == STRIDED ? load_halved(at[0] + offset) : _mm512_loadu_ps(at[0] + offset);
}

INLINE Cells broadcast(Cell weight) { return _mm512_castsi512_ps(_mm512_set1_epi32((int32_t)weight)); }

INLINE Sum filled(float value) { return _mm512_set1_ps(value); }

INLINE Sum multiplied(Sum sum, Cells weight, Cells x) { return _mm512_fmadd_ps(weight, x, sum); }

INLINE Sum added(Sum a, Sum b) { return _mm512_add_ps(a, b); }

INLINE Sum rectified(Sum sum) { return _mm512_max_ps(sum, _mm512_setzero_ps()); }

INLINE void store(Cell *const *at, int64_t offset, const uint16_t *lanes, int part, enum Reading reading, Sum sum) {
    (void)part;
    show_sanitizer(at[0] + offset, lanes[0]);
    if (reading != HALVES) {
        _mm512_mask_storeu_ps(at[0] + offset, lanes[0], sum);
        return;
    }
    show_sanitizer(at[1] + offset, lanes[1]);
    const __m512d both = _mm512_castps_pd(sum);
    _mm256_mask_storeu_ps(at[0] + offset, (__mmask8)lanes[0], _mm512_castps512_ps256(sum));
    _mm256_mask_storeu_ps(at[1] + offset, (__mmask8)lanes[1], _mm256_castpd_ps(_mm512_extractf64x4_pd(both, 1)));
}

#elif defined(__AVX2__) && defined(__FMA__)

typedef __m256 Sum;
typedef __m256 Cells;
enum { PARTS = 2, GROUP_RUNS = 1, SMALL_RUNS = 1 };

INLINE Cells load(const Cell *at) { return _mm256_loadu_ps((const float *)at); }

INLINE Cells load_halved(const Cell *at) {
    const __m256 pairs = _mm256_shuffle_ps(load(at), load(at + HALF), _MM_SHUFFLE(2, 0, 2, 0));
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(pairs), _MM_SHUFFLE(3, 1, 2, 0)));
}

INLINE Cells load_part(const Cell *const *at, int64_t offset, int part, enum Reading reading) {
    if (reading == HALVES) return load(at[part] + offset);
    if (reading == STRIDED) return load_halved(at[0] + offset + part * LANES);
    return load(at[0] + offset + part * HALF);
}

INLINE Cells broadcast(Cell weight) { return _mm256_castsi256_ps(_mm256_set1_epi32((int32_t)weight)); }

INLINE Sum filled(float value) { return _mm256_set1_ps(value); }

INLINE Sum multiplied(Sum sum, Cells weight, Cells x) { return _mm256_fmadd_ps(weight, x, sum); }

INLINE Sum added(Sum a, Sum b) { return _mm256_add_ps(a, b); }

INLINE Sum rectified(Sum sum) { return _mm256_max_ps(sum, _mm256_setzero_ps()); }

/* Masked stores are slow on some processors, and most runs are full. */
INLINE void store(Cell *const *at, int64_t offset, const uint16_t *lanes, int part, enum Reading reading, Sum sum) {
    Cell *to = reading == HALVES ? at[part] + offset : at[0] + offset + part * HALF;
    const uint16_t listed = (uint16_t)(reading == HALVES ? lanes[part] : lanes[0] >> part * HALF) & 0xff;
    show_sanitizer(to, listed);
    if (listed == 0xff)
        _mm256_storeu_ps((float *)to, sum);
    else
        _mm256_maskstore_ps((float *)to, lane_mask_avx2(listed, 0), sum);
}

#endif

#if defined(__AVX2__) && defined(__FMA__)

#define CHANNELS 1
#define CONV conv_fp32
#include "conv_blocks.h"

/* The last output may be there only to make a block even. */
INLINE void write_run(
    const Conv *conv, const Group *group, int entry, int first, int outputs, enum Reading reading, const Sums sums
) {
    const enum Reading writing = reading == HALVES ? HALVES : WHOLE;
#pragma GCC unroll 6
    for (int o = 0; o < outputs; o++) {
        const int64_t plane = first + o;
        if (plane >= conv->outputs) break;
#pragma GCC unroll 2
        for (int part = 0; part < PARTS; part++) {
            Sum sum = sums[o][part];
            if (conv->residual.cells)
                sum = added(
                    sum, load_part(group->residual + entry, plane * conv->residual.plane_stride, part, writing)
                );
            if (conv->relu) sum = rectified(sum);
            const int64_t offset = plane * conv->target.plane_stride;
            store(group->target + entry, offset, group->lanes + entry, part, writing, sum);
        }
    }
}

#endif
