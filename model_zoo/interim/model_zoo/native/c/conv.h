/* Convolution over bordered planes, only where the runs say.
 *
 *   target = [relu](sum over sources of conv(source) + bias [+ shift] [+ residual])
 *
 * 3x3 of stride 1 or 2 and 1x1 of stride 1, "same" padding. Several sources of one size stand for
 * their concatenated channels, without a copy. Each output is added up in one fixed order, so it
 * does not depend on the runs around it. The residual may be the target itself. `raw` takes the sums
 * as they are before the shift: what interpolate.c fills the positions around from.
 */
#ifndef INTERIM_CONV_H
#define INTERIM_CONV_H

#include "cells.h"

enum {
    MAX_SOURCES = 4,
    BLOCK_OUTPUTS = 6, /* output channels of a register block: 18, 36, 72, 144, 48 waste none */
};

/* Class CConv of native/conv.py: change both. */
typedef struct {
    /* Cells [block][source][plane][ky][kx][output of the block]. All blocks have BLOCK_OUTPUTS
     * outputs but the last, which has what is left, made even with zeros. */
    const Cell *weights;
    const float *bias;  /* per output, made even */
    const float *shift; /* likewise; NULL: none */
    int64_t taps;      /* weight cells of one output: planes of all sources x kernel x kernel */
    int32_t outputs;
    int32_t kernel, stride;
    int32_t relu;    /* 0 or 1 */
    int32_t sources; /* how many of `source` there are */
    int32_t unused;
    Map source[MAX_SOURCES];
    Map target;
    Map residual; /* cells are NULL where there is none, here and below */
    Map raw;
} Conv;

/* Outputs as the weights hold them. */
INLINE int even_outputs(const Conv *conv) { return conv->outputs + (conv->outputs & 1); }

/* How the lanes of a pair are read. A vector costs the same, however many of its lanes are listed;
 * masks leave many of them empty, which another run then fills. */
enum Reading {
    SINGLE,  /* 16 neighbours */
    PAIRED,  /* some of 16 neighbours, and some of 16 others, with a pointer each */
    STRIDED, /* every other one of 32 neighbours, for stride 2; the second run must be empty */
};

/* Compute the listed positions of the target.
 *
 * `behind`: how many entries follow in memory that a later call computes; their cells are asked for
 * early. `threads`: 1 calls no OpenMP at all. `give_up`: read between groups of pairs, may be NULL; what
 * is not yet written when it is found set stays as it was. Returns 1 when done, 0 when given up.
 */
EXPORT int conv_bf16(
    const Conv *conv, const Pair *pairs, int64_t count, int64_t behind, int threads, const int32_t *give_up
);
EXPORT int conv_fp32(
    const Conv *conv, const Pair *pairs, int64_t count, int64_t behind, int threads, const int32_t *give_up
);

#endif
