/* 3x3 convolution of stride 2, in fp32, where there is AVX-512. A cell is one channel. */
#include "vectors.h"

#if defined(__AVX512BW__)

INLINE Floats multiplied(Floats sum, Ints weight, Ints x) { return _mm512_fmadd_ps(as_floats(weight), as_floats(x), sum); }

#define DEPTH 1
#define STRIDED_CONV strided_fp32
#include "strided_blocks.h"

#endif
