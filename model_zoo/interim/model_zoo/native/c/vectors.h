/* Vectors of floats for whatever the processor has: 16 with AVX-512, 8 with AVX2. A run is LANES
 * cells, that is RUN_PARTS vectors. `+`, `-` and `*` work on them as they are. */
#ifndef INTERIM_VECTORS_H
#define INTERIM_VECTORS_H

#include <immintrin.h>

#include "cells.h"

#ifdef __AVX512F__
enum { VECTOR = 16 };
typedef __m512 Floats;
typedef __m512i Ints;
typedef __mmask16 Lanes; /* which lanes of a vector */

INLINE Floats filled(float value) { return _mm512_set1_ps(value); }
INLINE Ints filled_ints(int32_t value) { return _mm512_set1_epi32(value); }
INLINE Ints counted_ints(int32_t first) {
    const Ints steps = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_add_epi32(filled_ints(first), steps);
}
INLINE Floats load_floats(const void *at) { return _mm512_loadu_ps(at); }
INLINE Ints load_bytes(const uint8_t *at) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)at)); }

INLINE Lanes lanes_of(uint16_t lanes, int first) { return (Lanes)(lanes >> first); }
INLINE Lanes first_lanes(int64_t count) { return count >= 16 ? 0xffff : (Lanes)((1u << count) - 1); }
INLINE void store_floats(void *at, Lanes lanes, Floats value) {
    show_sanitizer(at, lanes);
    _mm512_mask_storeu_ps(at, lanes, value);
}

INLINE Ints as_ints(Floats x) { return _mm512_castps_si512(x); }
INLINE Floats as_floats(Ints x) { return _mm512_castsi512_ps(x); }
INLINE Floats converted(Ints x) { return _mm512_cvtepi32_ps(x); }
INLINE Ints rounded(Floats x) { return _mm512_cvtps_epi32(x); }
INLINE Ints add_ints(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
INLINE Ints smaller_ints(Ints a, Ints b) { return _mm512_min_epi32(a, b); }
INLINE Ints larger_ints(Ints a, Ints b) { return _mm512_max_epi32(a, b); }
INLINE Ints both_ints(Ints a, Ints b) { return _mm512_and_si512(a, b); }
INLINE Ints shifted_left(Ints x, int bits) { return _mm512_sll_epi32(x, _mm_cvtsi32_si128(bits)); }
INLINE Ints shifted_right(Ints x, int bits) { return _mm512_sra_epi32(x, _mm_cvtsi32_si128(bits)); }

/* The larger of two; b where one of them is NaN. */
INLINE Floats larger(Floats a, Floats b) { return _mm512_max_ps(a, b); }
INLINE Lanes is_larger(Floats a, Floats b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
INLINE Lanes is_at_most(Floats a, Floats b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
INLINE Ints chosen_ints(Lanes lanes, Ints yes, Ints no) { return _mm512_mask_mov_epi32(no, lanes, yes); }
INLINE uint32_t lane_bits(Lanes lanes) { return lanes; }

/* x[which[lane]] in every lane. */
INLINE Floats permuted(Floats x, Ints which) { return _mm512_permutexvar_ps(which, x); }

/* Neighbours added in pairs: of two vectors that follow one another, one. */
INLINE Floats pairs_added(Floats low, Floats high) {
    const Ints even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const Ints odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return _mm512_permutex2var_ps(low, even, high) + _mm512_permutex2var_ps(low, odd, high);
}

/* The lowest byte of each lane. */
INLINE __m128i low_bytes(Ints x) { return _mm512_cvtepi32_epi8(x); }
#else
enum { VECTOR = 8 };
typedef __m256 Floats;
typedef __m256i Ints;
typedef __m256i Lanes;

INLINE Floats filled(float value) { return _mm256_set1_ps(value); }
INLINE Ints filled_ints(int32_t value) { return _mm256_set1_epi32(value); }
INLINE Ints counted_ints(int32_t first) {
    return _mm256_add_epi32(filled_ints(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE Floats load_floats(const void *at) { return _mm256_loadu_ps(at); }
INLINE Ints load_bytes(const uint8_t *at) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)at)); }

INLINE Lanes lanes_of(uint16_t lanes, int first) { return lane_mask_avx2(lanes, first); }
INLINE Lanes first_lanes(int64_t count) {
    return _mm256_cmpgt_epi32(filled_ints(count > 8 ? 8 : (int32_t)count), counted_ints(0));
}
INLINE void store_floats(void *at, Lanes lanes, Floats value) { /* masked stores are slow on some processors */
    const uint32_t bits = (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(lanes));
    show_sanitizer(at, bits);
    if (bits == 0xff) _mm256_storeu_ps(at, value);
    else _mm256_maskstore_ps(at, lanes, value);
}

INLINE Ints as_ints(Floats x) { return _mm256_castps_si256(x); }
INLINE Floats as_floats(Ints x) { return _mm256_castsi256_ps(x); }
INLINE Floats converted(Ints x) { return _mm256_cvtepi32_ps(x); }
INLINE Ints rounded(Floats x) { return _mm256_cvtps_epi32(x); }
INLINE Ints add_ints(Ints a, Ints b) { return _mm256_add_epi32(a, b); }
INLINE Ints smaller_ints(Ints a, Ints b) { return _mm256_min_epi32(a, b); }
INLINE Ints larger_ints(Ints a, Ints b) { return _mm256_max_epi32(a, b); }
INLINE Ints both_ints(Ints a, Ints b) { return _mm256_and_si256(a, b); }
INLINE Ints shifted_left(Ints x, int bits) { return _mm256_sll_epi32(x, _mm_cvtsi32_si128(bits)); }
INLINE Ints shifted_right(Ints x, int bits) { return _mm256_sra_epi32(x, _mm_cvtsi32_si128(bits)); }

INLINE Floats larger(Floats a, Floats b) { return _mm256_max_ps(a, b); }
INLINE Lanes is_larger(Floats a, Floats b) { return as_ints(_mm256_cmp_ps(a, b, _CMP_GT_OQ)); }
INLINE Lanes is_at_most(Floats a, Floats b) { return as_ints(_mm256_cmp_ps(a, b, _CMP_LE_OQ)); }
INLINE Ints chosen_ints(Lanes lanes, Ints yes, Ints no) { return _mm256_blendv_epi8(no, yes, lanes); }
INLINE uint32_t lane_bits(Lanes lanes) { return (uint32_t)_mm256_movemask_ps(as_floats(lanes)); }

INLINE Floats permuted(Floats x, Ints which) { return _mm256_permutevar8x32_ps(x, which); }

INLINE Floats pairs_added(Floats low, Floats high) {
    const __m256d crossed = _mm256_castps_pd(_mm256_hadd_ps(low, high)); /* low, high, low, high; two each */
    return _mm256_castpd_ps(_mm256_permute4x64_pd(crossed, 0xd8));
}

INLINE __m128i low_bytes(Ints x) {
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    return _mm_packus_epi16(words, words);
}
#endif

enum { RUN_PARTS = LANES / VECTOR };

INLINE Floats relued(Floats x) { return larger(filled(0), x); }

/* x in the lanes that are set, 0 in the others. */
INLINE Floats kept(Floats x, Lanes lanes) { return as_floats(chosen_ints(lanes, as_ints(x), filled_ints(0))); }

/* The channels of a cell, as floats: `depth` is 1 for maps of floats, 2 for bf16. */
typedef struct {
    Floats channel[2];
} Channels;

INLINE Channels load_channels(const Cell *at, int depth) {
    Channels loaded;
#if defined(__AVX512BF16__)
    if (depth == 2) {
        const Ints cells = _mm512_loadu_si512(at);
        loaded.channel[0] = even_channel(cells);
        loaded.channel[1] = odd_channel(cells);
        return loaded;
    }
#endif
    (void)depth;
    loaded.channel[0] = load_floats(at);
    loaded.channel[1] = filled(0);
    return loaded;
}

INLINE void store_channels(Cell *at, Lanes lanes, Channels value, int depth) {
#if defined(__AVX512BF16__)
    if (depth == 2) {
        show_sanitizer(at, lanes);
        _mm512_mask_storeu_epi32(at, lanes, bf16_cells(value.channel[0], value.channel[1]));
        return;
    }
#endif
    (void)depth;
    store_floats(at, lanes, value.channel[0]);
}

#endif
