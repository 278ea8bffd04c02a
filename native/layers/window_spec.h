// Reads a sliding window's attributes (strides, dilation, padding) from a layer's spec.
#pragma once

#include <string>

#include "common/shape.h"
#include "common/spec.h"
#include "kernels/window2d.h"

namespace gradloom {

enum class WindowRounding {
  kDown,  // only windows that fit
  // Also a last one that sticks out by less than a stride, if it starts on the image or the padding before it
  // (PyTorch's ceil mode); it may be the only one.
  kUp,
};

// `size_key` names the window's size in the spec and in messages: "kernelSize", "poolSize". Strides, dilation and
// padding ('valid', 'same' with the odd cell at the end, or [top, bottom, left, right]) stand under those names. Throws
// SHAPE_MISMATCH, starting with `label`, when the input is not an image or the window does not fit.
Window2d read_window(const Spec& spec, const std::string& label, const char* size_key, const Shape& input,
                     WindowRounding rounding);

// The window of a pooling layer, by its "poolSize" and "rounding". Every window must hold a pixel of the image; throws
// SHAPE_MISMATCH, starting with the layer's kind and name, when one does not.
Window2d read_pooling_window(const Spec& spec, const Shape& input);

// One window over the whole image.
Window2d global_window(const Spec& spec, const Shape& input);

}  // namespace gradloom
