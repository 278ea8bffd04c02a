// Threads: 1 to 3.
#include "layers/pooling/max_pool2d.h"

#include <doctest/doctest.h>

#include <array>

#include "kernels/reference/pooling.h"
#include "support/compare.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/specs.h"
#include "support/windows.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("maxPool2d: integers agree exactly with the reference over 200 shapes, forward and backward") {
  RandomData random(121);
  for (int i = 0; i < 200; ++i) {
    CAPTURE(i);
    const Window2d window = random_pooling_window(random);
    const int64_t batch = random.pick({1, 2, 7, 20, 33});
    const int64_t channels = random.pick({1, 3, 7, 10});
    MaxPool2dOptions options;
    set_window(window, options);
    const MaxPool2d layer(max_pool2d(options), {window.input.height, window.input.width, channels});
    REQUIRE(layer.output_shape() == Shape{window.output.height, window.output.width, channels});
    LayerCase given = integer_case(layer, batch, random);
    given.threads = static_cast<int>(random.integer(1, 3));
    const LayerResult result = run_layer(layer, given);
    CHECK(result.broken_rules == "");

    const std::vector<double> x = to_double(given.x);
    const std::vector<double> dy = to_double(given.dy);
    std::vector<double> y(dy.size());
    std::vector<double> dx(x.size());
    std::vector<int32_t> winner(dy.size());
    for (int64_t n = 0; n < batch; ++n) {
      const int64_t in = n * layer.input_shape().size();
      const int64_t out = n * layer.output_shape().size();
      reference::max_pool(window, channels, x.data() + in, y.data() + out, winner.data() + out);
      reference::max_pool_backward(window, channels, dy.data() + out, winner.data() + out, dx.data() + in);
    }
    CHECK(difference(result.y, y, Tolerance{}) == "");
    CHECK(difference(result.dx, dx, Tolerance{}) == "");

    given.phase = Phase::kPredicting;
    CHECK(difference_in_bits(run_layer(layer, given).y, result.y) == "");
  }
}

TEST_CASE("maxPool2d: a window wholly in the padding is refused") {
  const auto error = [](const MaxPool2dOptions& options) {
    return error_of([&] { MaxPool2d(max_pool2d(options), {4, 4, 1}); });
  };
  CHECK(error({.padding = Spec::List{2, 0, 0, 0}}) ==
        "SHAPE_MISMATCH: maxPool2d \"maxPool2d_1\": a window lies wholly in the padding, where there are no "
        "values; use a padding smaller than poolSize");
  CHECK(contains(error({.padding = Spec::List{0, 0, 0, 2}}), "wholly in the padding"));
  CHECK(error({.padding = Spec::List{1, 1, 1, 1}}).empty());
  // Dilated taps on both sides of the image, none on it.
  CHECK(contains(error({.strides = {1, 1}, .dilation = {5, 1}, .padding = Spec::List{1, 1, 0, 0}}), "wholly"));
}

TEST_CASE("maxPool2d: a window of a million taps in as much padding is judged at once") {
  constexpr int64_t kSize = 1 << 20;
  const MaxPool2d layer(
      max_pool2d({.pool_size = {kSize, 1}, .strides = {1, 1}, .padding = Spec::List{kSize - 1, kSize - 1, 0, 0}}),
      {1, 1, 1});
  CHECK(layer.output_shape() == Shape{kSize, 1, 1});
}

TEST_CASE("maxPool2d: rounding up adds the window that sticks out, if it starts on the image") {
  const auto height = [](int64_t input, const MaxPool2dOptions& options) {
    return MaxPool2d(max_pool2d(options), {input, input, 1}).output_shape()[0];
  };
  CHECK(height(5, {}) == 2);
  CHECK(height(5, {.rounding = "up"}) == 3);
  CHECK(height(4, {.rounding = "up"}) == 2);
  CHECK(height(6, {.pool_size = {3, 3}, .strides = {2, 2}}) == 2);
  CHECK(height(6, {.pool_size = {3, 3}, .strides = {2, 2}, .rounding = "up"}) == 3);
  // The window that would start in the padding behind the image is left out.
  CHECK(height(4, {.padding = Spec::List{1, 1, 1, 1}, .rounding = "up"}) == 3);
  CHECK(height(5, {.padding = Spec::List{1, 1, 1, 1}, .rounding = "up"}) == 3);
  CHECK(height(7, {.pool_size = {1, 1}, .strides = {4, 4}, .rounding = "up"}) == 2);
}

// As torch.nn.functional.max_pool2d(x, size, stride, padding, ceil_mode=True) decides.
TEST_CASE("maxPool2d: rounding up keeps the only window when it sticks out by less than a stride") {
  const auto make = [](int64_t size, int64_t stride, int64_t padding) {
    return max_pool2d({.pool_size = {size, size},
                       .strides = {stride, stride},
                       .padding = Spec::List{padding, padding, padding, padding},
                       .rounding = "up"});
  };
  for (const auto& [size, stride, padding] : {std::array<int64_t, 3>{4, 2, 0}, {6, 4, 0}, {7, 3, 1}}) {
    CAPTURE(size);
    const MaxPool2d layer(make(size, stride, padding), {3, 3, 1});
    CHECK(layer.output_shape() == Shape{1, 1, 1});
    LayerCase given{2, {1, 2, 3, 4, 5, 6, 7, 8, 10, -1, -2, -3, -4, -5, -6, -7, -8, -9}, {3, 4}, {}};
    for (const Layout offered : {Layout::kRows, Layout::kLanes}) {
      given.offered = offered;
      const LayerResult result = run_layer(layer, given);
      CHECK(result.broken_rules == "");
      CHECK(result.y == std::vector<float>{10, -1});
      CHECK(result.dx == std::vector<float>{0, 0, 0, 0, 0, 0, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0});
    }
  }
  for (const auto& [size, stride] : {std::array<int64_t, 2>{4, 1}, {5, 2}, {6, 3}}) {
    CAPTURE(size);
    CHECK(contains(error_of([&, size = size, stride = stride] {
                     MaxPool2d(make(size, stride, 0), {3, 3, 1});
                   }),
                   "does not fit the input [3, 3, 1]"));
  }
  CHECK(contains(error_of([] { MaxPool2d(max_pool2d({.pool_size = {4, 4}}), {3, 3, 1}); }), "does not fit"));
}
