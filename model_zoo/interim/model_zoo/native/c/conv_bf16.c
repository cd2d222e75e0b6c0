/* Convolution in bf16, added up in fp32: AVX-512 with its BF16 extension. A cell is two channels, so
 * every multiplication takes two inputs. */
#include "conv.h"

#if defined(__AVX512BW__) && defined(__AVX512BF16__)

typedef __m512 Sum;
typedef __m512i Cells;
enum { PARTS = 1, GROUP_RUNS = 4, SMALL_RUNS = 2 };

INLINE Cells load_halved(const Cell *at) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_epi32(_mm512_loadu_si512(at), even, _mm512_loadu_si512(at + LANES));
}

INLINE Cells load_part(const Cell *const *at, const uint16_t *lanes, int64_t offset, int part, enum Reading reading) {
    (void)part;
    if (reading == STRIDED) return load_halved(at[0] + offset);
    const Cells cells = _mm512_loadu_si512(at[0] + offset);
    return reading == PAIRED ? _mm512_mask_loadu_epi32(cells, lanes[1], at[1] + offset) : cells;
}

INLINE void store(Cell *const *at, int64_t offset, const uint16_t *lanes, enum Reading reading, Cells cells) {
    for (int i = 0; i < 1 + (reading == PAIRED); i++) {
        show_sanitizer(at[i] + offset, lanes[i]);
        _mm512_mask_storeu_epi32(at[i] + offset, lanes[i], cells);
    }
}

INLINE Cells broadcast(Cell weight) { return _mm512_set1_epi32((int32_t)weight); }

INLINE Sum filled(float value) { return _mm512_set1_ps(value); }

INLINE Sum multiplied(Sum sum, Cells weight, Cells x) {
    return _mm512_dpbf16_ps(sum, (__m512bh)weight, (__m512bh)x);
}

#include "matrix.h"
#define CHANNELS 2
#define CONV conv_bf16
#include "conv_blocks.h"

/* Two outputs at a time: they share their cells. */
INLINE void write_run(
    const Conv *conv, const Group *group, int entry, int first, int outputs, enum Reading reading, const Sums sums
) {
    const enum Reading writing = reading == PAIRED ? PAIRED : SINGLE;
#pragma GCC unroll 3
    for (int o = 0; o < outputs; o += 2) {
        const int64_t plane = (first + o) / CHANNELS;
        __m512 even = sums[o][0], odd = sums[o + 1][0];
        if (conv->raw.cells) {
            const int64_t offset = plane * conv->raw.plane_stride;
            store(group->raw + entry, offset, group->lanes + entry, writing, bf16_cells(even, odd));
        }
        if (conv->shift) {
            even = _mm512_add_ps(even, filled(conv->shift[first + o]));
            odd = _mm512_add_ps(odd, filled(conv->shift[first + o + 1]));
        }
        if (conv->residual.cells) {
            const int64_t offset = plane * conv->residual.plane_stride;
            const Cells cells = load_part(group->residual + entry, group->lanes + entry, offset, 0, writing);
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
