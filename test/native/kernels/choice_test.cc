#include "kernels/choice.h"

#include <doctest/doctest.h>

#include "support/random_data.h"
#include "support/specs.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

// The tiles follow one another and cover [0, extent) exactly.
bool covers(const Tiling& tiling) {
  int64_t next = 0;
  for (int64_t tile = 0; tile < tiling.count; ++tile) {
    if (tiling.first(tile) != next || tiling.size(tile) < 1) return false;
    next += tiling.size(tile);
  }
  return next == tiling.extent;
}

}  // namespace

TEST_CASE("tilings cover their extent, without empty tiles") {
  RandomData random(61);
  for (int i = 0; i < 2000; ++i) {
    const int64_t extent = random.integer(0, 5000);
    const int64_t pieces = random.integer(0, 40);
    const int64_t multiple = random.pick({1, 4, 16});
    CAPTURE(extent);
    CAPTURE(pieces);
    CAPTURE(multiple);
    const Tiling tiling = cut(extent, pieces, multiple);
    CHECK(covers(tiling));
    CHECK(tiling.count <= std::max<int64_t>(pieces, 1));
    CHECK(tiling.step % multiple == 0);
    CHECK(covers(tile_rows(extent, random.integer(1, 10'000))));
    const ProductTiling product =
        tile_product(random.integer(1, 3000), random.integer(1, 3000), random.integer(1, 3000));
    CHECK(covers(product.rows));
    CHECK(covers(product.columns));
  }
}

TEST_CASE("choose_conv2d: pointwise only where the image is the matrix already") {
  const Window2d pointwise{{5, 5}, {5, 5}, {1, 1}, {1, 1}, {1, 1}, {}};
  CHECK(choose_conv2d("auto", "", pointwise) == Conv2dKernel::kBlasPointwise);
  CHECK(choose_conv2d("blas", "", pointwise) == Conv2dKernel::kBlasPointwise);
  Window2d strided = pointwise;
  strided.stride.width = 2;
  CHECK(choose_conv2d("auto", "", strided) == Conv2dKernel::kBlasIm2col);
  Window2d padded = pointwise;
  padded.padding.bottom = 1;
  CHECK(choose_conv2d("auto", "", padded) == Conv2dKernel::kBlasIm2col);
  Window2d wide = pointwise;
  wide.window.width = 2;
  CHECK(choose_conv2d("auto", "", wide) == Conv2dKernel::kBlasIm2col);
  Window2d dilated = pointwise;  // the dilation of a single tap means nothing
  dilated.dilation = {3, 3};
  CHECK(choose_conv2d("auto", "", dilated) == Conv2dKernel::kBlasPointwise);
}

TEST_CASE("kernels that do not exist are refused by name") {
  CHECK(error_of([] { check_dense_kernel("auto", ""); }).empty());
  CHECK(error_of([] { check_dense_kernel("blas", ""); }).empty());
  CHECK(error_of([] { check_dense_kernel("fft", "dense \"a\""); }) ==
        "INVALID_SPEC: dense \"a\": kernel \"fft\" does not exist; use \"auto\" or \"blas\"");
}

TEST_CASE("choose_threads: one for tiny models, otherwise what was asked for") {
  CHECK(choose_threads(8, 1000) == 1);
  CHECK(choose_threads(3, 100'000'000) == 3);
  CHECK(choose_threads(0, 100'000'000) >= 1);
}
