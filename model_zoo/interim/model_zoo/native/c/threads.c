#include "threads.h"

/* Whether more than one thread can be used at all. */
EXPORT int kernels_threaded(void);
int kernels_threaded(void) {
#ifdef _OPENMP
    return 1;
#else
    return 0;
#endif
}
