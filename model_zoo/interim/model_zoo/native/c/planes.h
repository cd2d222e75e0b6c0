/* Plain planes of floats, as tensors (N, C, h, w) have them: strides in floats, neighbours in a
 * row side by side. */
#ifndef INTERIM_PLANES_H
#define INTERIM_PLANES_H

#include <stdint.h>

/* Class CPlanes of native/planes.py: change both. */
typedef struct {
    float *values;
    int64_t image_stride, plane_stride, row_stride;
    int32_t images, channels, height, width;
} Planes;

#endif
