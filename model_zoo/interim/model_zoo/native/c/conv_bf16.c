/* Convolution in bf16, added up in fp32: AVX-512 with its BF16 extension. A cell is two channels, so
 * every multiplication takes two inputs. */
#include "conv.h"

#if defined(__AVX512BW__) && defined(__AVX512BF16__)

typedef __m512 Sum;
typedef __m512i Cells;
enum { PARTS = 1, GROUP_RUNS = 4, SMALL_RUNS = 2 };

INLINE Cells load_halves(const Cell *low, const Cell *high) {
    const __m256i cells = _mm256_loadu_si256((const __m256i *)low);
    return _mm512_inserti64x4(_mm512_castsi256_si512(cells), _mm256_loadu_si256((const __m256i *)high), 1);
}

INLINE Cells load_halved(const Cell *at) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_epi32(_mm512_loadu_si512(at), even, _mm512_loadu_si512(at + LANES));
}

INLINE Cells load_part(const Cell *const *at, int64_t offset, int part, enum Reading reading) {
    (void)part;
    if (reading == HALVES) return load_halves(at[0] + offset, at[1] + offset);
    return reading == STRIDED ? load_halved(at[0] + offset) : _mm512_loadu_si512(at[0] + offset);
}

INLINE void store(Cell *const *at, int64_t offset, const uint16_t *lanes, enum Reading reading, Cells cells) {
    show_sanitizer(at[0] + offset, lanes[0]);
    if (reading != HALVES) {
        _mm512_mask_storeu_epi32(at[0] + offset, lanes[0], cells);
        return;
    }
    show_sanitizer(at[1] + offset, lanes[1]);
    _mm256_mask_storeu_epi32(at[0] + offset, (__mmask8)lanes[0], _mm512_castsi512_si256(cells));
    _mm256_mask_storeu_epi32(at[1] + offset, (__mmask8)lanes[1], _mm512_extracti64x4_epi64(cells, 1));
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
INLINE void write_run(
    const Conv *conv, const Group *group, int entry, int first, int outputs, enum Reading reading, const Sums sums
) {
    const enum Reading writing = reading == HALVES ? HALVES : WHOLE;
#pragma GCC unroll 3
    for (int o = 0; o < outputs; o += 2) {
        const int64_t plane = (first + o) / CHANNELS;
        __m512 even = sums[o][0], odd = sums[o + 1][0];
        if (conv->residual.cells) {
            const Cells cells = load_part(group->residual + entry, plane * conv->residual.plane_stride, 0, writing);
            even = _mm512_add_ps(even, even_channel(cells));
            odd = _mm512_add_ps(odd, odd_channel(cells));
        }
        if (conv->relu) {
            even = _mm512_max_ps(even, _mm512_setzero_ps());
            odd = _mm512_max_ps(odd, _mm512_setzero_ps());
        }
        const int64_t offset = plane * conv->target.plane_stride;
        store(group->target + entry, offset, group->lanes + entry, writing, bf16_cells(even, odd));
    }
}

#endif
