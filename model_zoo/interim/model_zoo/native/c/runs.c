/* From a mask to the runs that cover it: as few as can be, aligned where that costs none more.
 *
 * A row's mask is read as words of 16 positions. Each stretch of words that are not zero is
 * covered either by its words, or by runs that start at the next position not yet covered, which
 * is the least number there can be.
 *
 * For convolutions, words that share no lane are put together in pairs: one vector then computes
 * the end of one part of a mask and the beginning of another. */
#include <string.h>

#include "masks.h"

enum { MAX_WORDS = 4096, MAX_WAITING = 32 };

EXPORT int runs_of_mask(const Mask *mask, Run *runs);
EXPORT int pairs_of_mask(const Mask *mask, Pair *pairs);
EXPORT int mask_halved(const Mask *fine, uint8_t *half);
EXPORT int mask_read_by_enlarging(const Mask *fine, int factor, uint8_t *coarse);

/* The 16 positions from `x` on. */
static uint16_t window(const uint16_t *words, int64_t x) {
    const uint32_t both = words[x / LANES] | (uint32_t)words[x / LANES + 1] << 16;
    return (uint16_t)(both >> x % LANES);
}

/* The first position from `x` on that is set, or `end`. */
static int64_t next_set(const uint16_t *words, int64_t x, int64_t end) {
    while (x < end) {
        const uint16_t ahead = window(words, x);
        if (ahead) return x + __builtin_ctz(ahead);
        x += LANES;
    }
    return end;
}

/* Runs for the words `begin` to `end - 1`, none of them zero; returns how many. */
static int64_t cover(const uint16_t *words, int64_t begin, int64_t end, Run at, Run *runs) {
    const int64_t last = end * LANES;
    int64_t fewest = 0;
    for (int64_t x = next_set(words, begin * LANES, last); x < last; x = next_set(words, x + LANES, last)) fewest++;
    if (fewest == end - begin) {
        for (int64_t word = begin; word < end; word++) {
            at.x = (uint16_t)(word * LANES);
            at.lanes = words[word];
            *runs++ = at;
        }
        return fewest;
    }
    for (int64_t x = next_set(words, begin * LANES, last); x < last; x = next_set(words, x + LANES, last)) {
        at.x = (uint16_t)x;
        at.lanes = window(words, x);
        *runs++ = at;
    }
    return fewest;
}

static int64_t runs_of_row(const uint8_t *row, int64_t width, Run at, Run *runs) {
    uint16_t words[MAX_WORDS + 2];
    const int64_t count = (width + LANES - 1) / LANES;
    for (int64_t word = 0; word < count; word++) words[word] = word_at(row + word * LANES, width - word * LANES);
    words[count] = words[count + 1] = 0;
    int64_t made = 0;
    for (int64_t begin = 0; begin < count; begin++) {
        int64_t end = begin;
        while (words[end]) end++;
        if (end > begin) made += cover(words, begin, end, at, runs + made);
        begin = end;
    }
    return made;
}

/* Runs for all that is set, images and rows in order. There is room for one every 16 positions of
 * every row; returns how many there are. Width ends at 65535. */
int runs_of_mask(const Mask *mask, Run *runs) {
    int64_t made = 0;
    for (int image = 0; image < mask->images; image++)
        for (int y = 0; y < mask->height; y++) {
            const uint8_t *row = mask->bytes + image * mask->image_stride + y * mask->row_stride;
            const Run at = {.y = (uint16_t)y, .image = (uint16_t)image};
            made += runs_of_row(row, mask->width, at, runs + made);
        }
    return (int)made;
}

/* Words that wait for another without common lanes, the oldest first. */
typedef struct {
    Run runs[MAX_WAITING];
    int count;
} Waiting;

static Run taken(Waiting *waiting, int place) {
    const Run run = waiting->runs[place];
    memmove(waiting->runs + place, waiting->runs + place + 1, (size_t)(--waiting->count - place) * sizeof run);
    return run;
}

/* The place of the word that fills a run's vector best, or -1. */
static int best_beside(const Waiting *waiting, Run run) {
    int best = -1, most = 0;
    for (int i = 0; i < waiting->count; i++) {
        const uint16_t lanes = waiting->runs[i].lanes;
        const int size = __builtin_popcount(lanes);
        if (lanes & run.lanes || size <= most) continue;
        best = i;
        most = size;
    }
    return best;
}

/* Add a word, or let it wait; returns how many pairs were added. */
static int64_t add_word(Waiting *waiting, Run run, Pair *pairs) {
    if (run.lanes == 0xffff) {
        *pairs = (Pair){.first = run};
        return 1;
    }
    const int place = best_beside(waiting, run);
    if (place >= 0) {
        *pairs = (Pair){.first = taken(waiting, place), .second = run};
        return 1;
    }
    const int full = waiting->count == MAX_WAITING;
    if (full) *pairs = (Pair){.first = taken(waiting, 0)};
    waiting->runs[waiting->count++] = run;
    return full;
}

/* Pairs for all that is set, one for every 16 positions of every row at most; returns how many. */
int pairs_of_mask(const Mask *mask, Pair *pairs) {
    Waiting waiting = {.count = 0};
    int64_t made = 0;
    for (int image = 0; image < mask->images; image++)
        for (int y = 0; y < mask->height; y++) {
            const uint8_t *row = mask->bytes + image * mask->image_stride + y * mask->row_stride;
            for (int64_t x = 0; x < mask->width; x += LANES) {
                const uint16_t lanes = word_at(row + x, mask->width - x);
                const Run run = {.y = (uint16_t)y, .x = (uint16_t)x, .lanes = lanes, .image = (uint16_t)image};
                if (lanes) made += add_word(&waiting, run, pairs + made);
            }
        }
    while (waiting.count) pairs[made++] = (Pair){.first = taken(&waiting, 0)};
    return (int)made;
}

/* A mask at half of its size, as bytes of 0 and 1: set where any of 2x2 positions is. */
int mask_halved(const Mask *fine, uint8_t *half) {
    const int64_t height = fine->height / 2, width = fine->width / 2;
    for (int64_t row = 0; row < fine->images * height; row++, half += width) {
        const uint8_t *above = fine->bytes + row / height * fine->image_stride + row % height * 2 * fine->row_stride;
        const uint8_t *below = above + fine->row_stride;
        for (int64_t x = 0; x < width; x++)
            half[x] = (uint8_t)(above[2 * x] | above[2 * x + 1] | below[2 * x] | below[2 * x + 1]);
    }
    return 0;
}

/* OR into each byte whether any of the `factor` bytes of a row that it stands for is set. */
INLINE void add_within(const uint8_t *row, int factor, int64_t width, uint8_t *within) {
    for (int64_t x = 0; x < width; x++) {
        uint64_t bytes = 0;
        memcpy(&bytes, row + x * factor, (size_t)factor);
        within[x] |= bytes != 0;
    }
}

/* OR into each byte itself and its neighbours. */
static void add_beside(const uint8_t *within, int64_t width, uint8_t *to) {
    for (int64_t x = 0; x < width; x++) to[x] |= within[x];
    for (int64_t x = 1; x < width; x++) to[x] |= within[x - 1];
    for (int64_t x = 1; x < width; x++) to[x - 1] |= within[x];
}

INLINE void read_by_enlarging(const Mask *fine, int factor, uint8_t *coarse) {
    const int64_t height = fine->height / factor, width = fine->width / factor;
    uint8_t within[MAX_WORDS * LANES];
    memset(coarse, 0, (size_t)(fine->images * height * width));
    for (int64_t image = 0; image < fine->images; image++, coarse += height * width)
        for (int64_t y = 0; y < height; y++) {
            const uint8_t *rows = fine->bytes + image * fine->image_stride + y * factor * fine->row_stride;
            memset(within, 0, (size_t)width);
            for (int row = 0; row < factor; row++) add_within(rows + row * fine->row_stride, factor, width, within);
            for (int64_t near = y ? y - 1 : 0; near <= y + 1 && near < height; near++)
                add_beside(within, width, coarse + near * width);
        }
}

/* Which positions of a map `factor` (1, 2, 4 or 8) times smaller a bilinear enlargement reads under a
 * mask, into bytes of 0 and 1: those with a set position inside, and all their neighbours. A factor of
 * 1: the set ones and their neighbours. */
int mask_read_by_enlarging(const Mask *fine, int factor, uint8_t *coarse) {
    switch (factor) { /* known factors make plain loads of memcpy */
        case 1: read_by_enlarging(fine, 1, coarse); break;
        case 2: read_by_enlarging(fine, 2, coarse); break;
        case 4: read_by_enlarging(fine, 4, coarse); break;
        default: read_by_enlarging(fine, 8, coarse); break;
    }
    return 0;
}
