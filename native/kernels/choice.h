// The table that chooses kernels: fixed rules over shapes, derived from measurements, never timed at run time (timing
// would let the bits of a run change from day to day). Whatever the user may force goes through here too.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/tiling.h"
#include "kernels/window2d.h"

namespace gradloom {

enum class Conv2dKernel {
  kBlasIm2col,     // right for every shape
  kBlasPointwise,  // 1x1, stride 1, no padding: the image already is the matrix that im2col would build
};

const char* kernel_name(Conv2dKernel kernel);

// Throws INVALID_SPEC, starting with `label`, unless `requested` is "auto" or a kernel that exists.
Conv2dKernel choose_conv2d(const std::string& requested, const std::string& label, const Window2d& window);
void check_dense_kernel(const std::string& requested, const std::string& label);

// Threads for passes of `flops`: a fork and a barrier cost more than the arithmetic of a tiny model.
int choose_threads(int requested, int64_t flops);

// A product [rows, depth] x [depth, columns] cut into tiles of some millions of operations: large enough that BLAS's
// packing of both operands is a small part, many enough for the cores of a desktop.
struct ProductTiling {
  Tiling rows;
  Tiling columns;

  int64_t count() const { return rows.count * columns.count; }
};
ProductTiling tile_product(int64_t rows, int64_t columns, int64_t depth);

// Output pixels whose im2col rows of `row_length` floats make one product of a convolution: about what fits in L2.
int64_t pixels_per_product(int64_t row_length);

// Partial sums for the weight gradient of a convolution: many enough for the cores, few enough for memory.
int64_t weight_gradient_parts(int64_t pixels, int64_t weights);

}  // namespace gradloom
