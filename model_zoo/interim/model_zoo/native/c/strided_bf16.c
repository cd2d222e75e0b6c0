/* 3x3 convolution of stride 2, in bf16, added up in fp32: AVX-512 with its BF16 extension. A cell is two
 * channels. */
#include "vectors.h"

#if defined(__AVX512BW__) && defined(__AVX512BF16__)

INLINE Floats multiplied(Floats sum, Ints weight, Ints x) { return _mm512_dpbf16_ps(sum, (__m512bh)weight, (__m512bh)x); }

#include "matrix.h"
#define DEPTH 2
#define STRIDED_CONV strided_bf16
#include "strided_blocks.h"

#endif
