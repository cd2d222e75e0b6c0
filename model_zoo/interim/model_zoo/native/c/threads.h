/* Work shared among threads: `part` is called for ranges that together make 0 to count - 1.
 * One thread takes no OpenMP path at all. */
#ifndef INTERIM_THREADS_H
#define INTERIM_THREADS_H

#include "cells.h"

typedef void Part(const void *task, int64_t begin, int64_t end);

INLINE void shared_out(Part *part, const void *task, int64_t count, int threads) {
#ifdef _OPENMP
    if (threads > 1 && count > 1) {
#pragma omp parallel for num_threads(threads) schedule(static)
        for (int thread = 0; thread < threads; thread++)
            part(task, count * thread / threads, count * (thread + 1) / threads);
        return;
    }
#endif
    (void)threads;
    part(task, 0, count);
}

#endif
