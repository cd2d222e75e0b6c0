/* Products of matrices of bf16 on the processor's matrix unit (AMX), eight registers of up to 16 rows of 64 bytes.
 *
 *   sums[output][lane] = sum over depth of weights[output][depth] * inputs[depth][lane]
 *
 * where a cell of weights or inputs is two channels, one step of depth. Maps hold 16 lanes of a plane side by side,
 * which is just what a register takes as its inputs. Outputs and depth are cut into parts of the same size, 16 at most,
 * so that little of a register is empty: 18 outputs are two parts of 9, and 36 cells of depth three of 12. What is
 * added up for a lane does not depend on the others: they may hold anything, NaN too.
 *
 * Compiled with EMULATED_MATRIX the registers are plain memory, for tests on processors that have no such unit. */
#ifndef INTERIM_MATRIX_H
#define INTERIM_MATRIX_H

#include <string.h>

#include "cells.h"

enum {
    MATRIX_ROWS = 16,          /* of a register */
    MATRIX_SLACK = 16,         /* rows of inputs behind the last that count: parts of depth end there */
    MATRIX_LANES = 4 * LANES,  /* computed together */
    MOST_MATRIX_OUTPUTS = 2 * MATRIX_ROWS, /* of matrix_outputs() */
};

/* How a product is cut. `outputs` and `depth` of a part, and how many parts there are of either; matrix.py cuts the
 * weights alike: [part of outputs][part of depth][output][depth], with zeros behind the last. */
typedef struct {
    int outputs, depth, output_parts, depth_parts;
} Cut;

INLINE int parts_of(int64_t size) { return (int)((size + MATRIX_ROWS - 1) / MATRIX_ROWS); }

INLINE Cut cut_of(int64_t outputs, int64_t depth) {
    const int output_parts = parts_of(outputs), depth_parts = parts_of(depth);
    return (Cut){
        (int)((outputs + output_parts - 1) / output_parts), (int)((depth + depth_parts - 1) / depth_parts), output_parts,
        depth_parts
    };
}

#if defined(__AMX_BF16__) || defined(EMULATED_MATRIX)
#define ON_MATRIX /* for the kernels that include this */

/* Registers: 0 to 3 are sums, 4 and 5 weights, 6 and 7 inputs. */
#if defined(__AMX_BF16__)
/* Compilers (gcc 12) do not know that the unit reads and writes memory: what was written before stays before. */
#define KEEP_ORDER(at) __asm__ volatile("" : : "r"(at) : "memory")

INLINE void matrix_begin(Cut cut) {
    struct __attribute__((packed, aligned(64))) {
        uint8_t palette, start, unused[14];
        uint16_t bytes[16]; /* of a row */
        uint8_t rows[16];
    } shape;
    memset(&shape, 0, sizeof shape);
    shape.palette = 1;
    for (int i = 0; i < 8; i++) {
        shape.bytes[i] = i == 4 || i == 5 ? (uint16_t)(cut.depth * sizeof(Cell)) : LANES * sizeof(Cell);
        shape.rows[i] = (uint8_t)(i < 6 ? cut.outputs : cut.depth);
    }
    KEEP_ORDER(&shape);
    _tile_loadconfig(&shape);
}

/* Give the unit back: what its registers hold is saved with a thread otherwise. */
INLINE void matrix_end(void) { _tile_release(); }

#define MATRIX_ZERO(to) _tile_zero(to)
#define MATRIX_LOAD(to, at, cells) _tile_loadd(to, at, (cells) * sizeof(Cell))
#define MATRIX_STORE(from, at, cells) _tile_stored(from, at, (cells) * sizeof(Cell))
#define MATRIX_MULTIPLY(sums, weights, inputs) _tile_dpbf16ps(sums, weights, inputs)
#else
typedef struct {
    Cell at[MATRIX_ROWS][LANES];
} Register;

static _Thread_local Register registers[8];
static _Thread_local Cut emulated;

INLINE void matrix_begin(Cut cut) { emulated = cut; }

INLINE void matrix_end(void) { memset(&emulated, 0, sizeof emulated); }

INLINE int rows_of(int which) { return which < 6 ? emulated.outputs : emulated.depth; }

INLINE size_t bytes_of(int which) { return (which == 4 || which == 5 ? emulated.depth : LANES) * sizeof(Cell); }

INLINE void matrix_load(int to, const void *at, int64_t cells) {
    for (int row = 0; row < rows_of(to); row++)
        memcpy(registers[to].at[row], (const Cell *)at + row * cells, bytes_of(to));
}

INLINE void matrix_store(int from, void *at, int64_t cells) {
    for (int row = 0; row < rows_of(from); row++)
        memcpy((Cell *)at + row * cells, registers[from].at[row], bytes_of(from));
}

INLINE float half_of(Cell cell, int second) {
    const Cell bits = second ? cell & 0xffff0000u : cell << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void matrix_multiply(int sums, int weights, int inputs) {
    for (int row = 0; row < emulated.outputs; row++)
        for (int lane = 0; lane < LANES; lane++) {
            float sum;
            memcpy(&sum, &registers[sums].at[row][lane], sizeof sum);
            for (int k = 0; k < emulated.depth; k++)
                for (int half = 0; half < 2; half++)
                    sum += half_of(registers[weights].at[row][k], half) * half_of(registers[inputs].at[k][lane], half);
            memcpy(&registers[sums].at[row][lane], &sum, sizeof sum);
        }
}

#define KEEP_ORDER(at) (void)(at)
#define MATRIX_ZERO(to) memset(&registers[to], 0, sizeof registers[to])
#define MATRIX_LOAD(to, at, cells) matrix_load(to, at, cells)
#define MATRIX_STORE(from, at, cells) matrix_store(from, at, cells)
#define MATRIX_MULTIPLY(sums, weights, inputs) matrix_multiply(sums, weights, inputs)
#endif

/* Write zeros behind the last rows of inputs that count, where parts of depth end later. */
INLINE void matrix_fill_up(Cut cut, Cell *inputs, int64_t depth) {
    const int64_t rows = (int64_t)cut.depth * cut.depth_parts - depth;
    memset(inputs + depth * MATRIX_LANES, 0, (size_t)(rows * MATRIX_LANES) * sizeof(Cell));
}

/* Cells of weights of one part of outputs. */
INLINE int64_t matrix_weights(Cut cut) { return (int64_t)cut.outputs * cut.depth * cut.depth_parts; }

/* The sums of one part of outputs, or of two, for two vectors of MATRIX_LANES. */
INLINE void matrix_add_up(Cut cut, const Cell *weights, const Cell *inputs, float *to, const int two) {
    const Cell *second = weights + matrix_weights(cut);
    MATRIX_ZERO(0);
    MATRIX_ZERO(1);
    MATRIX_ZERO(2);
    MATRIX_ZERO(3);
    for (int part = 0; part < cut.depth_parts; part++, inputs += cut.depth * MATRIX_LANES) {
        const int64_t offset = (int64_t)part * cut.outputs * cut.depth;
        MATRIX_LOAD(6, inputs, MATRIX_LANES);
        MATRIX_LOAD(4, weights + offset, cut.depth);
        MATRIX_MULTIPLY(0, 4, 6);
        MATRIX_LOAD(7, inputs + LANES, MATRIX_LANES);
        MATRIX_MULTIPLY(1, 4, 7);
        if (!two) continue;
        MATRIX_LOAD(5, second + offset, cut.depth);
        MATRIX_MULTIPLY(2, 5, 6);
        MATRIX_MULTIPLY(3, 5, 7);
    }
    MATRIX_STORE(0, to, MATRIX_LANES);
    MATRIX_STORE(1, to + LANES, MATRIX_LANES);
    if (!two) return;
    to += cut.outputs * MATRIX_LANES;
    MATRIX_STORE(2, to, MATRIX_LANES);
    MATRIX_STORE(3, to + LANES, MATRIX_LANES);
}

/* Outputs that are added up at a time, where there are so many. */
INLINE int matrix_outputs(Cut cut) { return 2 * cut.outputs; }

/* The sums of matrix_outputs() outputs, or of those that are left, from output `first` on (a multiple of
 * matrix_outputs()): `to` is [output][MATRIX_LANES], with room for all. `vectors`: of LANES, how many count. */
static void matrix_product(Cut cut, const Cell *weights, const Cell *inputs, int first, int vectors, float *to) {
    const int part = first / cut.outputs;
    weights += part * matrix_weights(cut);
    KEEP_ORDER(inputs);
    for (int lane = 0; lane < vectors * LANES; lane += 2 * LANES) {
        if (part + 1 < cut.output_parts) matrix_add_up(cut, weights, inputs + lane, to + lane, 1);
        else matrix_add_up(cut, weights, inputs + lane, to + lane, 0);
    }
    KEEP_ORDER(to);
}
#endif

#endif
