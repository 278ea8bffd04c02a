// Random sliding windows of awkward sizes: images of one pixel, windows larger than the image, strides larger
// than the window, dilation, uneven padding.
#pragma once

#include "kernels/window2d.h"
#include "support/random_data.h"
#include "support/specs.h"

namespace gradloom::test {

Window2d random_window(RandomData& random);
// Every window holds a pixel of the image, as pooling wants it.
Window2d random_pooling_window(RandomData& random);

// Windows of a pooling that lie apart, on images of this size; rows and columns may be left over.
Window2d random_windows_apart(RandomData& random, const Extent2d& image);

// The same window in the attributes of a layer, with explicit padding.
void set_window(const Window2d& window, Conv2dOptions& options);
void set_window(const Window2d& window, MaxPool2dOptions& options);
void set_window(const Window2d& window, AveragePool2dOptions& options);

}  // namespace gradloom::test
