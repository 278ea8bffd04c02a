// Planes made larger by their definitions, in double: twins of kernels/layout/resize2d.h, which has the layouts.
// Gradients overwrite din.
#pragma once

#include "kernels/layout/resize2d.h"

namespace gradloom::reference {

// out[top + h, left + w, i] = in[h, w, i], 0 elsewhere.
void zero_pad(const Plane& plane, const Padding2d& padding, const double* in, double* out);
void zero_pad_backward(const Plane& plane, const Padding2d& padding, const double* dout, double* din);

// out[h, w, i] = in[h / factor, w / factor, i], rounded down.
void upsample_nearest(const Plane& plane, const Extent2d& factor, const double* in, double* out);
void upsample_nearest_backward(const Plane& plane, const Extent2d& factor, const double* dout, double* din);

}  // namespace gradloom::reference
