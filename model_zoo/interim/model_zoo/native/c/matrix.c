/* Whether the matrix unit may be used: Linux gives it to processes that ask. */
#include "cells.h"

#if defined(__AMX_BF16__)
#include <sys/syscall.h>
#include <unistd.h>

enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; /* of arch_prctl(2) */

EXPORT int matrix_permitted(void) { return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0; }
#else
EXPORT int matrix_permitted(void) { return 1; }
#endif
