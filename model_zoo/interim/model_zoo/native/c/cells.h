/* The layout of feature maps, and runs: what every kernel shares.
 *
 * Lanes are pixels. A map is planes of cells; a cell is 32 bits of one pixel: one channel as
 * float, or two channels as bf16, the even one in the low half (an odd last channel has a zero
 * beside it). Around each plane is a border of zeros that nobody ever writes, so that "same"
 * padding costs no test: one row above, one below, and the cells between `width` and
 * `row_pitch` of every row, which also stand left of the next row's first cell.
 *
 * Kernels may load whole vectors of LANES cells from any position of a map, past a row's end or
 * a plane's, and from the row below its border; allocations have slack for it. What such a load brings that the run does not list
 * may be anything, NaN too, and is never stored.
 */
#ifndef INTERIM_CELLS_H
#define INTERIM_CELLS_H

#include <stddef.h>
#include <stdint.h>

enum {
    LANES = 16,        /* cells of a run, and of one 512-bit vector */
    LEAD_CELLS = 16,   /* before a plane's first row: x = -1 exists there, rows are 64-byte aligned */
    SLACK_CELLS = 64,  /* and a row, after the last plane of an allocation: loads overreach */
};

#define INLINE static inline __attribute__((always_inline))
#define EXPORT __attribute__((visibility("default")))

typedef uint32_t Cell; /* two bf16, or the bits of one float */

/* A map, as Python's native/maps.py builds it (class CMap there: change both). All strides are in
 * cells and multiples of 16; ask for them here, never compute them: maps.py pads planes so that
 * they do not meet in the same cache sets. */
typedef struct {
    Cell *cells;          /* of image 0, plane 0; 64-byte aligned */
    int64_t image_stride; /* from an image to the next */
    int64_t plane_stride; /* from a plane to the next */
    int32_t row_pitch;    /* from a row to the next; > width */
    int32_t planes;       /* of one image */
    int32_t height, width;
    int32_t channels;     /* bf16: 2 * planes, or one less */
    int32_t images;
} Map;

/* Up to 16 neighbours in one row of one image: the unit of work. 8 bytes; the list builder is
 * native/runs.py (numpy dtype there: change both). It does not depend on a map's strides, so one
 * list serves all maps of one height and width. */
typedef struct {
    uint16_t y, x;  /* of lane 0, without border */
    uint16_t lanes; /* bit k: position x + k is listed, to be computed and written */
    uint16_t image;
} Run;

/* What a convolution computes as one: the lanes of a run, and those of another that are not among them,
 * so that both fit one vector side by side. `second` has no lanes where there is no other. Class VECTOR
 * of native/runs.py: change both. */
typedef struct {
    Run first, second;
} Pair;

/* Neighbouring tiles of 2x2 positions, and which lanes of a vector they take: the unit of work of
 * winograd_blocks.h. A window with lane 0 begins a vector; those behind it take other lanes, so that
 * 16 tiles make a vector wherever they lie. Dtype WINDOW of native/runs.py: change both. */
typedef struct {
    uint16_t y;
    int16_t x; /* of lane 0, in tiles; less than 0 where a tile of a row's beginning has a later lane */
    uint16_t image;
    uint16_t lanes;        /* bit k: tile (y, x + k) is of this window */
    uint32_t above, below; /* bit k: position (2y, 2x + k), or (2y + 1, 2x + k), is listed */
} Window;

/* Where cell (y, x) of plane 0 of an image is; also for y = -1, y = height and x = -1. */
INLINE Cell *cell_at(const Map *map, int64_t image, int64_t y, int64_t x) {
    return map->cells + image * map->image_stride + (y + 1) * map->row_pitch + LEAD_CELLS + x;
}

/* Read what a masked store is about to write: the address sanitizer does not see those. Nothing in
 * other builds. */
INLINE void show_sanitizer(const void *at, uint32_t lanes) {
#ifdef __SANITIZE_ADDRESS__
    for (; lanes; lanes &= lanes - 1) (void)((const volatile Cell *)at)[__builtin_ctz(lanes)];
#else
    (void)at, (void)lanes;
#endif
}

#if defined(__AVX2__)
#include <immintrin.h>

/* Lanes `first` to `first + 7` of a run, as a mask for AVX2's masked stores. */
INLINE __m256i lane_mask_avx2(uint16_t lanes, int first) {
    const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i set = _mm256_and_si256(_mm256_set1_epi32(lanes >> first), bits);
    return _mm256_cmpeq_epi32(set, bits);
}
#endif

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512BF16__)
/* The two channels of 16 bf16 cells as floats; exact. */
INLINE __m512 even_channel(__m512i cells) { return _mm512_castsi512_ps(_mm512_slli_epi32(cells, 16)); }

INLINE __m512 odd_channel(__m512i cells) {
    return _mm512_castsi512_ps(_mm512_and_si512(cells, _mm512_set1_epi32((int32_t)0xffff0000u)));
}

/* Two channels of 16 pixels, rounded to nearest even, as bf16 cells. */
INLINE __m512i bf16_cells(__m512 even, __m512 odd) {
    const __m512i packed = (__m512i)_mm512_cvtne2ps_pbh(odd, even); /* 16 evens, then 16 odds */
    const __m512i order = _mm512_set_epi16(
        31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0
    );
    return _mm512_permutexvar_epi16(order, packed);
}
#endif

#endif
