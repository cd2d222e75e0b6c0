/* From a mask to windows: all tiles of 2x2 positions that have a listed one, or all listed positions, 16
 * to a vector.
 *
 * What is side by side stays so: the tiles of a row make stretches, of which whole vectors are cut, and
 * the rests of which wait until others fill their vector. */
#include <string.h>

#include "masks.h"

enum {
    MAX_WAITING = 32,
    ALL = 0xffff,
    NEARLY_ALL = 14, /* so many of a cache line's 16 tiles are sooner computed with the others than without */
};

EXPORT int windows_of_mask(const Mask *mask, int side, Window *windows);

/* Windows that share no lane. */
typedef struct {
    Window windows[LANES];
    int count, tiles;
} Vector;

typedef struct {
    Window *end; /* of what is made */
    Vector waiting[MAX_WAITING];
    int count;
} List;

/* 32 positions of a row from `x` on; those that do not exist are not set. */
static uint32_t two_words_at(const uint8_t *row, int64_t x, int64_t width) {
    const uint32_t low = word_at(row + x, width - x);
    return x + LANES < width ? low | (uint32_t)word_at(row + x + LANES, width - x - LANES) << LANES : low;
}

/* `count` tiles of a window from a lane on, in the lanes from `to` on. */
static Window moved(Window window, int lane, int count, int to) {
    const uint64_t positions = (1ull << 2 * count) - 1;
    window.x = (int16_t)(window.x + lane - to);
    window.lanes = (uint16_t)(((1u << count) - 1) << to);
    window.above = (uint32_t)((window.above >> 2 * lane & positions) << 2 * to);
    window.below = (uint32_t)((window.below >> 2 * lane & positions) << 2 * to);
    return window;
}

static void finish(List *list, Vector *vector) {
    memcpy(list->end, vector->windows, (size_t)vector->count * sizeof(Window));
    list->end += vector->count;
    vector->count = vector->tiles = 0;
}

/* Fill a vector's next lanes with as many tiles of a window, from a lane on, as it has room for; returns how many. */
static int fill(List *list, Vector *vector, Window window, int lane, int count) {
    const int room = LANES - vector->tiles, taken = count < room ? count : room;
    vector->windows[vector->count++] = moved(window, lane, taken, vector->tiles);
    vector->tiles += taken;
    if (vector->tiles == LANES) finish(list, vector);
    return taken;
}

/* Fill vectors with all that waits, cutting windows where one is full; what is left waits on. */
static void put_together(List *list) {
    Vector vector = {.count = 0, .tiles = 0};
    for (int i = 0; i < list->count; i++)
        for (int w = 0; w < list->waiting[i].count; w++) {
            const Window window = list->waiting[i].windows[w];
            const int first = __builtin_ctz(window.lanes), end = first + __builtin_popcount(window.lanes);
            for (int lane = first; lane < end;) lane += fill(list, &vector, window, lane, end - lane);
        }
    list->waiting[0] = vector;
    list->count = vector.tiles > 0;
}

/* The vector that waits for so many tiles and has the least room beside; a new one if there is none. */
static Vector *best_for(List *list, int count) {
    Vector *best = NULL;
    for (Vector *each = list->waiting; each < list->waiting + list->count; each++)
        if (each->tiles + count <= LANES && (!best || each->tiles > best->tiles)) best = each;
    if (best) return best;
    if (list->count == MAX_WAITING) put_together(list);
    best = &list->waiting[list->count++];
    best->count = best->tiles = 0;
    return best;
}

/* Add the first `count` tiles of a window. */
static void add_window(List *list, Window window, int count) {
    if (count == LANES) {
        window.lanes = ALL;
        *list->end++ = window;
        return;
    }
    Vector *vector = best_for(list, count);
    fill(list, vector, window, 0, count);
    if (!vector->tiles) *vector = list->waiting[--list->count];
}

/* What is side by side from a tile on, up to 16, with how many tiles there are until the next. */
static int begin_with(List *list, Window at) {
    const uint32_t either = at.above | at.below, listed = (either | either >> 1) & 0x55555555;
    const uint32_t gap = ~(listed | 0xaaaaaaaa);
    const int whole = !gap || (2 * at.x % LANES == 0 && __builtin_popcount(listed) >= NEARLY_ALL);
    if (!whole && !(listed & 1)) return listed ? __builtin_ctz(listed) / 2 : LANES;
    const int count = whole ? LANES : __builtin_ctz(gap) / 2;
    add_window(list, at, count);
    return count;
}

/* Add the tiles of two rows of positions; `below` is NULL where there is none. */
static void add_tiles(List *list, const uint8_t *above, const uint8_t *below, int64_t width, Window at) {
    for (int64_t x = 0; x < (width + 1) / 2;) {
        at.x = (int16_t)x;
        at.above = two_words_at(above, 2 * x, width);
        at.below = below ? two_words_at(below, 2 * x, width) : 0;
        x += begin_with(list, at);
    }
}

/* Add the positions of a row, in place of tiles. */
static void add_positions(List *list, const uint8_t *row, int64_t width, Window at) {
    for (int64_t x = 0; x < width;) {
        at.x = (int16_t)x;
        at.above = _pdep_u32(word_at(row + x, width - x), 0x55555555);
        x += begin_with(list, at);
    }
}

/* Windows for all that is set, in tiles of 2x2 (`side`: 2) or of one position (1); there is room for one a tile. Returns
 * how many there are. Width ends at 32767 tiles. */
int windows_of_mask(const Mask *mask, int side, Window *windows) {
    List list = {.end = windows, .count = 0};
    for (int image = 0; image < mask->images; image++)
        for (int y = 0; y < mask->height; y += side) {
            const uint8_t *row = mask->bytes + image * mask->image_stride + y * mask->row_stride;
            const Window at = {.y = (uint16_t)(y / side), .image = (uint16_t)image};
            if (side == 1) add_positions(&list, row, mask->width, at);
            else add_tiles(&list, row, y + 1 < mask->height ? row + mask->row_stride : NULL, mask->width, at);
        }
    put_together(&list);
    if (list.count) finish(&list, &list.waiting[0]);
    return (int)(list.end - windows);
}
