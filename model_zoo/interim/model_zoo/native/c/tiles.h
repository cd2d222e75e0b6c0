/* Tiles of 2x2 outputs and what they are made of, 16 tiles at a time: the sums and differences of
 * winograd_blocks.h. `depth`: channels of a cell. Needs AVX-512 with its BF16 extension. */
#ifndef INTERIM_TILES_H
#define INTERIM_TILES_H

#include "vectors.h"

enum {
    SIDE = 4, /* positions that a tile reads, across and down */
    COMPONENTS = SIDE * SIDE,
};

/* Every other one of 32 cells, the first or the second of each two. */
INLINE Ints every_other(Ints low, Ints high, int second) {
    const Ints even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_epi32(low, add_ints(even, filled_ints(second)), high);
}

INLINE Ints load_cells(const Cell *at) { return _mm512_loadu_si512(at); }

/* What stands in `channel` of cells: of one in fp32, of two in bf16 (`depth`). */
INLINE Floats channel_of(Ints cells, int channel, int depth) {
#ifdef __AVX512BF16__
    if (depth == 2) return channel ? odd_channel(cells) : even_channel(cells);
#endif
    (void)channel;
    (void)depth;
    return as_floats(cells);
}

INLINE Ints cells_of(const Floats *channels, int depth) {
#ifdef __AVX512BF16__
    if (depth == 2) return bf16_cells(channels[0], channels[1]);
#endif
    (void)depth;
    return as_ints(channels[0]);
}

/* The components of four numbers in a row, in their place. */
INLINE void split(Floats *a, Floats *b, Floats *c, Floats *d) {
    const Floats first = *a - *c, sum = *b + *c, difference = *c - *b, last = *b - *d;
    *a = first;
    *b = sum;
    *c = difference;
    *d = last;
}

/* The components of tiles in one channel, from 4x4 positions each, in place. */
INLINE void split_channel(Floats x[SIDE][SIDE]) {
#pragma GCC unroll 4
    for (int y = 0; y < SIDE; y++) split(&x[y][0], &x[y][1], &x[y][2], &x[y][3]);
#pragma GCC unroll 4
    for (int i = 0; i < SIDE; i++) split(&x[0][i], &x[1][i], &x[2][i], &x[3][i]);
}

/* 0 + 1 + 2, or 1 - 2 - 3. */
INLINE Floats joined(int which, const Floats *x) { return which ? x[1] - x[2] - x[3] : x[0] + x[1] + x[2]; }

/* The 2x2 outputs of tiles from their components, column by column. */
INLINE void join(Floats components[SIDE][SIDE], Floats outputs[2][2]) {
    Floats halves[2][SIDE];
#pragma GCC unroll 4
    for (int across = 0; across < SIDE; across++) {
        halves[0][across] = joined(0, components[across]);
        halves[1][across] = joined(1, components[across]);
    }
#pragma GCC unroll 2
    for (int y = 0; y < 2; y++) {
        outputs[y][0] = joined(0, halves[y]);
        outputs[y][1] = joined(1, halves[y]);
    }
}

/* 32 cells: the even ones, and those between them. */
INLINE void interleave(Ints even, Ints odd, Ints *cells) {
    const Ints pairs = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    cells[0] = _mm512_permutex2var_epi32(even, pairs, odd);
    cells[1] = _mm512_permutex2var_epi32(even, add_ints(pairs, filled_ints(8)), odd);
}

/* Store cells where listed. */
INLINE void store_cells(Cell *at, uint16_t listed, Ints cells) {
    show_sanitizer(at, listed);
    _mm512_mask_storeu_epi32(at, listed, cells);
}

#endif
