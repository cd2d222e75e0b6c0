/* Convolution in fp32: AVX-512 or AVX2, whichever the compiler may use. A cell is one channel. */
#include "conv.h"

#if defined(__AVX512F__) && defined(__AVX512VL__)

typedef __m512 Sum;
typedef __m512 Cells;
enum { PARTS = 1, GROUP_RUNS = 4, SMALL_RUNS = 2 };

INLINE Cells load_halved(const Cell *at) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(_mm512_loadu_ps(at), even, _mm512_loadu_ps(at + LANES));
}

INLINE Cells load_part(const Cell *const *at, const uint16_t *lanes, int64_t offset, int part, enum Reading reading) {
    (void)part;
    if (reading == STRIDED) return load_halved(at[0] + offset);
    const Cells cells = _mm512_loadu_ps(at[0] + offset);
    return reading == PAIRED ? _mm512_mask_loadu_ps(cells, lanes[1], at[1] + offset) : cells;
}

INLINE Cells broadcast(Cell weight) { return _mm512_castsi512_ps(_mm512_set1_epi32((int32_t)weight)); }

INLINE Sum filled(float value) { return _mm512_set1_ps(value); }

INLINE Sum multiplied(Sum sum, Cells weight, Cells x) { return _mm512_fmadd_ps(weight, x, sum); }

INLINE Sum added(Sum a, Sum b) { return _mm512_add_ps(a, b); }

INLINE Sum rectified(Sum sum) { return _mm512_max_ps(sum, _mm512_setzero_ps()); }

INLINE void store(Cell *const *at, int64_t offset, const uint16_t *lanes, int part, enum Reading reading, Sum sum) {
    (void)part;
    for (int i = 0; i < 1 + (reading == PAIRED); i++) {
        show_sanitizer(at[i] + offset, lanes[i]);
        _mm512_mask_storeu_ps(at[i] + offset, lanes[i], sum);
    }
}

#elif defined(__AVX2__) && defined(__FMA__)

typedef __m256 Sum;
typedef __m256 Cells;
enum { PARTS = 2, GROUP_RUNS = 1, SMALL_RUNS = 1, VECTOR = 8 };

INLINE Cells load(const Cell *at) { return _mm256_loadu_ps((const float *)at); }

INLINE Cells load_halved(const Cell *at) {
    const __m256 pairs = _mm256_shuffle_ps(load(at), load(at + VECTOR), _MM_SHUFFLE(2, 0, 2, 0));
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(pairs), _MM_SHUFFLE(3, 1, 2, 0)));
}

INLINE Cells load_part(const Cell *const *at, const uint16_t *lanes, int64_t offset, int part, enum Reading reading) {
    if (reading == STRIDED) return load_halved(at[0] + offset + part * LANES);
    const Cells cells = load(at[0] + offset + part * VECTOR);
    if (reading != PAIRED) return cells;
    const __m256 second = _mm256_castsi256_ps(lane_mask_avx2(lanes[1], part * VECTOR));
    return _mm256_blendv_ps(cells, load(at[1] + offset + part * VECTOR), second);
}

INLINE Cells broadcast(Cell weight) { return _mm256_castsi256_ps(_mm256_set1_epi32((int32_t)weight)); }

INLINE Sum filled(float value) { return _mm256_set1_ps(value); }

INLINE Sum multiplied(Sum sum, Cells weight, Cells x) { return _mm256_fmadd_ps(weight, x, sum); }

INLINE Sum added(Sum a, Sum b) { return _mm256_add_ps(a, b); }

INLINE Sum rectified(Sum sum) { return _mm256_max_ps(sum, _mm256_setzero_ps()); }

/* Masked stores are slow on some processors, and most runs are full. */
INLINE void store(Cell *const *at, int64_t offset, const uint16_t *lanes, int part, enum Reading reading, Sum sum) {
    for (int i = 0; i < 1 + (reading == PAIRED); i++) {
        Cell *to = at[i] + offset + part * VECTOR;
        const uint16_t listed = (lanes[i] >> part * VECTOR) & 0xff;
        show_sanitizer(to, listed);
        if (listed == 0xff) _mm256_storeu_ps((float *)to, sum);
        else _mm256_maskstore_ps((float *)to, lane_mask_avx2(listed, 0), sum);
    }
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
    const enum Reading writing = reading == PAIRED ? PAIRED : SINGLE;
#pragma GCC unroll 6
    for (int o = 0; o < outputs; o++) {
        const int64_t plane = first + o;
        if (plane >= conv->outputs) break;
#pragma GCC unroll 2
        for (int part = 0; part < PARTS; part++) {
            Sum sum = sums[o][part];
            if (conv->raw.cells) {
                const int64_t offset = plane * conv->raw.plane_stride;
                store(group->raw + entry, offset, group->lanes + entry, part, writing, sum);
            }
            if (conv->shift) sum = added(sum, filled(conv->shift[plane]));
            if (conv->residual.cells) {
                const int64_t offset = plane * conv->residual.plane_stride;
                sum = added(sum, load_part(group->residual + entry, group->lanes + entry, offset, part, writing));
            }
            if (conv->relu) sum = rectified(sum);
            const int64_t offset = plane * conv->target.plane_stride;
            store(group->target + entry, offset, group->lanes + entry, part, writing, sum);
        }
    }
}

#endif
