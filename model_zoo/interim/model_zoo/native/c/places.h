/* Where the lanes of a vector are in a map: side by side, or anywhere. Needs AVX-512 and BMI2. */
#ifndef INTERIM_PLACES_H
#define INTERIM_PLACES_H

#include "tiles.h"

/* 16 cells of a row: those of eight tiles, half a vector, or of 16 positions. What each window has there. */
typedef struct {
    const Cell *at[LANES]; /* in plane 0 and the first row, where the first of the 16 cells would be */
    uint16_t cells[LANES]; /* which of them are this window's */
    uint16_t above[LANES], below[LANES]; /* which of them are listed, in the first row and the second */
    int count;
} Half;

typedef struct {
    Half halves[2];
    int64_t pitch; /* from a row to the next */
} Places;

/* Find the tiles of a vector's windows, from `row` rows below theirs on. */
INLINE void find_tiles(const Map *map, const Window *windows, int count, int row, Places *places) {
    Half *halves = places->halves;
    halves[0].count = halves[1].count = 0;
    places->pitch = map->row_pitch;
    for (int i = 0; i < 2 * count; i++) {
        const Window *window = &windows[i / 2];
        Half *half = &halves[i % 2];
        const int shift = i % 2 * LANES;
        const uint16_t cells = (uint16_t)(3 * _pdep_u32(window->lanes, 0x55555555) >> shift);
        if (!cells) continue;
        const int place = half->count++;
        half->cells[place] = cells;
        half->above[place] = (uint16_t)(window->above >> shift);
        half->below[place] = (uint16_t)(window->below >> shift);
        half->at[place] = cell_at(map, window->image, 2 * window->y + row, 2 * window->x + shift);
    }
    for (int h = 0; h < 2; h++) /* without tiles it reads what the other does */
        if (!halves[h].count) halves[h].at[0] = halves[1 - h].at[0];
}

/* Whether they are 16 neighbours that begin with a cache line. */
INLINE int is_whole(const Places *places) {
    const Half *halves = places->halves;
    return halves[0].count == 1 && halves[1].count == 1 && halves[1].at[0] == halves[0].at[0] + LANES
        && (uintptr_t)halves[0].at[0] % sizeof(Ints) == 0;
}

/* Some rows of half a vector, each cell from the window whose it is. What a row costs is the windows that share it:
 * no other lines are touched. */
INLINE void load_half(const Half *half, int64_t pitch, int64_t offset, int rows, Ints *cells) {
    const Cell *at = half->at[0] + offset;
#pragma GCC unroll 4
    for (int y = 0; y < rows; y++) cells[y] = load_cells(at + y * pitch);
    for (int w = 1; w < half->count; w++) {
        at = half->at[w] + offset;
#pragma GCC unroll 4
        for (int y = 0; y < rows; y++) cells[y] = _mm512_mask_loadu_epi32(cells[y], half->cells[w], at + y * pitch);
    }
}

/* The 4x4 positions of 16 tiles anywhere, in the plane at `offset`: columns 2t - 1 to 2t + 2 of each row. */
INLINE void load_tiles(const Places *places, int64_t offset, Ints cells[SIDE][SIDE]) {
    Ints left[2][SIDE], right[2][SIDE];
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        load_half(&places->halves[h], places->pitch, offset - 1, SIDE, left[h]);
        load_half(&places->halves[h], places->pitch, offset + 1, SIDE, right[h]);
    }
#pragma GCC unroll 4
    for (int y = 0; y < SIDE; y++) {
        cells[y][0] = every_other(left[0][y], left[1][y], 0);
        cells[y][1] = every_other(left[0][y], left[1][y], 1);
        cells[y][2] = every_other(right[0][y], right[1][y], 0);
        cells[y][3] = every_other(right[0][y], right[1][y], 1);
    }
}

/* The same where is_whole(): with half the loads from within cache lines. */
INLINE void load_whole(const Places *places, int64_t offset, Ints cells[SIDE][SIDE]) {
    const Cell *row = places->halves[0].at[0] + offset;
#pragma GCC unroll 4
    for (int y = 0; y < SIDE; y++, row += places->pitch) {
        const Ints low = load_cells(row), high = load_cells(row + LANES);
        cells[y][1] = every_other(low, high, 0);
        cells[y][2] = every_other(low, high, 1);
        cells[y][0] = _mm512_alignr_epi32(cells[y][2], load_cells(row - LANES), LANES - 1);
        cells[y][3] = _mm512_alignr_epi32(load_cells(row + 2 * LANES), cells[y][1], 1);
    }
}

/* The 2x2 positions of 16 tiles: 32 cells of each row. */
INLINE void load_rows(const Places *places, int64_t offset, Ints rows[2][2]) {
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        Ints cells[2];
        load_half(&places->halves[h], places->pitch, offset, 2, cells);
        rows[0][h] = cells[0];
        rows[1][h] = cells[1];
    }
}

/* Store them where they are listed. */
INLINE void store_rows(const Places *places, int64_t offset, Ints rows[2][2]) {
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        const Half *half = &places->halves[h];
        for (int w = 0; w < half->count; w++) {
            Cell *at = (Cell *)half->at[w] + offset;
            store_cells(at, half->above[w], rows[0][h]);
            store_cells(at + places->pitch, half->below[w], rows[1][h]);
        }
    }
}

/* Ask early for the 4x4 positions of all tiles; for the second cache, as they are many. */
INLINE void fetch_tiles(const Places *places, int64_t offset) {
    for (int h = 0; h < 2; h++)
        for (int w = 0; w < places->halves[h].count; w++) {
            const Cell *at = places->halves[h].at[w] + offset;
            for (int y = 0; y < SIDE; y++, at += places->pitch) {
                __builtin_prefetch(at, 0, 2);
                __builtin_prefetch(at + LANES, 0, 2);
            }
        }
}

/* Ask early for the 2x2 positions of all tiles, to write them: in a row one line, or the next too. */
INLINE void fetch_rows(const Places *places, int64_t offset) {
    for (int h = 0; h < 2; h++)
        for (int w = 0; w < places->halves[h].count; w++) {
            const Cell *at = places->halves[h].at[w] + offset;
            __builtin_prefetch(at, 1);
            __builtin_prefetch(at + LANES - 1, 1);
            __builtin_prefetch(at + places->pitch, 1);
            __builtin_prefetch(at + LANES - 1 + places->pitch, 1);
        }
}

/* Store the cells of 16 positions where they are listed. */
INLINE void store_positions(const Places *places, int64_t offset, Ints cells) {
    const Half *half = &places->halves[0];
    for (int w = 0; w < half->count; w++) store_cells((Cell *)half->at[w] + offset, half->above[w], cells);
}

/* Likewise for the cells of 16 positions. */
INLINE void fetch_positions(const Places *places, int64_t offset) {
    for (int w = 0; w < places->halves[0].count; w++) {
        const Cell *at = places->halves[0].at[w] + offset;
        __builtin_prefetch(at, 1);
        __builtin_prefetch(at + LANES - 1, 1);
    }
}

#endif
