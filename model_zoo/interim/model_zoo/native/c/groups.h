/* Convolutions of vectors whose 16 lanes lie anywhere, four vectors at a time: what winograd_blocks.h
 * and strided_blocks.h share. What all lanes of such a group read is put side by side first, and
 * multiplied then, for all outputs, by `multiplied` of whoever includes this. */
#ifndef INTERIM_GROUPS_H
#define INTERIM_GROUPS_H

#include "conv.h"
#include "places.h"
#include "threads.h"

enum {
    GROUP_VECTORS = 4,
    GROUP_LANES = GROUP_VECTORS * LANES,
    WEIGHTS_AHEAD = 256, /* cells */
};

/* Apart, each has the registers to itself; and buffers of the thread are looked up outside. */
#define APART static __attribute__((noinline, noclone))

typedef struct {
    Places source[GROUP_VECTORS], target[GROUP_VECTORS];
    Places residual[GROUP_VECTORS], raw[GROUP_VECTORS]; /* where the convolution has one */
    int count;
} Group;

/* Compute a group; `next`: the one behind it. */
typedef void Compute(const Conv *conv, const Group *group, const Group *next);

/* Find where some windows write. */
typedef void Find(const Map *map, const Window *windows, int count, Places *places);

typedef struct {
    const Conv *conv;
    const Window *windows;
    int64_t count; /* with those behind */
    Compute *compute;
    Find *find;
    const int32_t *give_up;
    int *given_up;
#ifdef ON_MATRIX
    Cut cut;
#endif
} Task;

INLINE int is_set(const int32_t *flag) { return flag != NULL && __atomic_load_n(flag, __ATOMIC_RELAXED) != 0; }

INLINE int begins_vector(const Window *window) { return window->lanes & 1; }

/* Fill a group with the vectors that begin between a window, the first of a vector, and `end`; returns where the next
 * one begins. */
static int64_t fill_group(const Task *task, int64_t window, int64_t end, Group *group) {
    const Conv *conv = task->conv;
    for (group->count = 0; window < end && group->count < GROUP_VECTORS; group->count++) {
        const Window *first = task->windows + window;
        int count = 0;
        do count++, window++;
        while (window < task->count && !begins_vector(&task->windows[window]));
        find_tiles(&conv->source[0], first, count, -1, &group->source[group->count]);
        task->find(&conv->target, first, count, &group->target[group->count]);
        if (conv->residual.cells) task->find(&conv->residual, first, count, &group->residual[group->count]);
        if (conv->raw.cells) task->find(&conv->raw, first, count, &group->raw[group->count]);
    }
    return window;
}

/* The vectors that begin in the windows `begin` to `end - 1`. */
static void run_windows(const void *given, int64_t begin, int64_t end) {
    const Task *task = given;
    Group groups[2];
#ifdef ON_MATRIX
    matrix_begin(task->cut);
#endif
    while (begin < end && !begins_vector(&task->windows[begin])) begin++;
    int64_t next = fill_group(task, begin, end, &groups[0]);
    for (int now = 0; begin < end; now = !now) {
        if (is_set(task->give_up)) {
            __atomic_store_n(task->given_up, 1, __ATOMIC_RELAXED);
            break;
        }
        begin = next;
        next = fill_group(task, begin, begin < end ? end : task->count, &groups[!now]);
        task->compute(task->conv, &groups[now], &groups[!now]);
    }
#ifdef ON_MATRIX
    matrix_end();
#endif
}

/* What the next group reads is asked for while this one is multiplied, spread over all of it: processors forget what is
 * asked for in heaps. */
typedef struct {
    const Group *next;
    int64_t plane_stride, offset; /* of the source; of the plane whose turn it is */
    int vector;                   /* whose turn it is */
    int64_t due, all, steps;      /* shares of a step: `all` vectors' planes in so many steps */
} Asking;

INLINE Asking asking_for(const Conv *conv, const Group *next, int64_t steps) {
    const Map *source = &conv->source[0];
    return (Asking){next, source->plane_stride, 0, 0, 0, (int64_t)next->count * source->planes, steps};
}

INLINE void ask(Asking *asking) {
    for (asking->due += asking->all; asking->due >= asking->steps; asking->due -= asking->steps) {
        fetch_tiles(&asking->next->source[asking->vector], asking->offset);
        if (++asking->vector < asking->next->count) continue;
        asking->vector = 0;
        asking->offset += asking->plane_stride;
    }
}

/* Add to the sums of a block of outputs, of so many vectors, what the cells at `x` are worth. */
INLINE void add_products(
    Floats sums[BLOCK_OUTPUTS][GROUP_VECTORS], const Cell *weights, const Cell *x, int vectors, int outputs
) {
    Ints part[GROUP_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) part[v] = load_cells(x + v * LANES);
#pragma GCC unroll 6
    for (int o = 0; o < outputs; o++) {
        const Ints weight = filled_ints((int32_t)weights[o]);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) sums[o][v] = multiplied(sums[o][v], weight, part[v]);
    }
}

INLINE void store_sums(Floats sums[BLOCK_OUTPUTS][GROUP_VECTORS], float *to, int vectors, int outputs) {
#pragma GCC unroll 6
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) _mm512_store_ps(to + o * GROUP_LANES + v * LANES, sums[o][v]);
}

/* How many of a group's vectors are computed. */
INLINE int vectors_of(const Group *group) {
    return group->count > GROUP_VECTORS / 2 ? GROUP_VECTORS : GROUP_VECTORS / 2;
}

INLINE int blocks_of(int outputs) { return (outputs + BLOCK_OUTPUTS - 1) / BLOCK_OUTPUTS; }

#endif
