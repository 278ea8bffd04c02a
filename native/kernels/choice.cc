#include "kernels/choice.h"

#include <algorithm>

#include "common/error.h"
#include "common/parallel.h"

namespace gradloom {

const char* kernel_name(Conv2dKernel kernel) {
  return kernel == Conv2dKernel::kBlasPointwise ? "blas-pointwise" : "blas-im2col";
}

namespace {

void check_requested(const std::string& requested, const std::string& label) {
  if (requested != "auto" && requested != "blas") {
    throw Error("INVALID_SPEC", label + ": kernel \"" + requested + "\" does not exist; use \"auto\" or \"blas\"");
  }
}

}  // namespace

Conv2dKernel choose_conv2d(const std::string& requested, const std::string& label, const Window2d& window) {
  check_requested(requested, label);
  const Padding2d& p = window.padding;
  const bool pointwise = window.taps() == 1 && window.stride.height == 1 && window.stride.width == 1 &&
                         p.top + p.bottom + p.left + p.right == 0;
  return pointwise ? Conv2dKernel::kBlasPointwise : Conv2dKernel::kBlasIm2col;
}

void check_dense_kernel(const std::string& requested, const std::string& label) { check_requested(requested, label); }

int choose_threads(int requested, int64_t flops) {
  // 2 cores of a Zen 4: one thread is as fast up to 0.3 MFLOP, two win by 1.4 at 2.3 MFLOP.
  constexpr int64_t kOneThread = 300'000;
  return flops < kOneThread ? 1 : resolve_threads(requested);
}

ProductTiling tile_product(int64_t rows, int64_t columns, int64_t depth) {
  constexpr int64_t kSmallestSide = 64;
  constexpr int64_t kMostTiles = 16;
  constexpr double kFlopsPerTile = 4e6;
  const double flops = 2.0 * static_cast<double>(rows) * static_cast<double>(columns) * static_cast<double>(depth);
  const auto tiles = static_cast<int64_t>(std::clamp(flops / kFlopsPerTile, 1.0, static_cast<double>(kMostTiles)));
  const int64_t across = std::min(tiles, ceil_divide(columns, kSmallestSide));
  const int64_t down = std::min(ceil_divide(tiles, across), ceil_divide(rows, kSmallestSide));
  return {cut(rows, down, 16), cut(columns, across, 16)};
}

int64_t pixels_per_product(int64_t row_length) {
  constexpr int64_t kFloats = 96 * 1024;
  return std::clamp<int64_t>(kFloats / row_length, 48, 1024);
}

int64_t weight_gradient_parts(int64_t pixels, int64_t weights) {
  constexpr double kFlopsPerPart = 4e6;
  constexpr int64_t kMostFloats = int64_t{1} << 22;
  const double flops = 2.0 * static_cast<double>(pixels) * static_cast<double>(weights);
  const auto parts = static_cast<int64_t>(std::clamp(flops / kFlopsPerPart, 1.0, 16.0));
  return std::clamp<int64_t>(parts, 1, std::max<int64_t>(1, kMostFloats / weights));
}

}  // namespace gradloom
