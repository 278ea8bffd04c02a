// Convolutions that take the maxima of the pooling behind them, against the two layers one after the other. Threads: 1
// to 3.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "kernels/conv2d/direct/weight_gradient_argmax.h"
#include "kernels/conv2d/direct/weight_gradient_gemm.h"
#include "kernels/reference/convolution.h"
#include "kernels/winograd/sections.h"
#include "kernels/winograd/tiles.h"
#include "layers/conv2d/conv2d.h"
#include "layers/pooling/max_pool2d.h"
#include "support/compare.h"
#include "support/conv2d_cases.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/simd_targets.h"
#include "support/specs.h"
#include "support/windows.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

struct Results {
  LayerResult apart;
  LayerResult together;
};

using MakeCase = LayerCase (*)(const Layer&, int64_t, RandomData&);

// Outputs are checked here, in bits; gradients by the caller.
Results run_both(RandomData& random, const Conv2d& layer, const Window2d& windows, int64_t batch, MakeCase make_case) {
  CHECK(layer.pools(batch, windows));
  MaxPool2dOptions options;
  set_window(windows, options);
  const MaxPool2d pool(max_pool2d(options), layer.output_shape());
  LayerCase given = make_case(layer, batch, random);
  LayerCase of_pool = make_case(pool, batch, random);
  of_pool.offered = Layout::kLanes;
  of_pool.x = run_layer(layer, given).y;
  const LayerResult pooled = run_layer(pool, of_pool);
  given.dy = pooled.dx;
  LayerResult apart = run_layer(layer, given);

  given.dy = of_pool.dy;
  given.pooling = windows;
  given.threads = static_cast<int>(random.integer(1, 3));
  given.place = random.pick({GradientPlace::kScratchOfLayer, GradientPlace::kBufferOfSink});
  given.input_gradient = random.integer(0, 1) > 0;
  if (!given.input_gradient) apart.dx.clear();
  LayerResult together = run_layer(layer, given);
  CHECK(together.broken_rules == "");
  CHECK(difference_in_bits(together.y, pooled.y) == "");
  given.phase = Phase::kPredicting;
  const LayerResult predicted = run_layer(layer, given);
  CHECK(predicted.broken_rules == "");
  CHECK(difference_in_bits(predicted.y, pooled.y) == "");
  return {std::move(apart), std::move(together)};
}

// Integers: all sums are exact in any order.
void check_direct(RandomData& random, const reference::Convolution& shape, const Window2d& windows) {
  CAPTURE(shape.batch);
  CAPTURE(shape.channels);
  CAPTURE(shape.filters);
  CAPTURE(shape.window.output.height);
  CAPTURE(shape.window.output.width);
  CAPTURE(shape.window.window.height);
  CAPTURE(shape.window.window.width);
  CAPTURE(windows.window.height);
  CAPTURE(windows.window.width);
  const Conv2dOptions options{.filters = 0,
                              .bias = random.integer(0, 3) > 0,
                              .activation = random.pick<const char*>({"linear", "relu"}),
                              .kernel = "direct"};
  const Conv2d layer = conv2d_layer(shape, options);
  if (shape.groups > 1 && shape.channels == shape.groups && shape.filters == shape.groups) {
    CHECK_FALSE(layer.pools(shape.batch, windows));  // plane by plane
    return;
  }
  const auto [apart, together] = run_both(random, layer, windows, shape.batch, integer_case);
  CHECK(difference(together.dx, to_double(apart.dx), Tolerance{}) == "");
  REQUIRE(together.gradients.size() == apart.gradients.size());
  for (size_t p = 0; p < apart.gradients.size(); ++p) {
    CHECK(difference(together.gradients[p], to_double(apart.gradients[p]), Tolerance{}) == "");
  }
}

void check_direct(RandomData& random) {
  const int64_t groups = random.pick({1, 1, 2});
  const reference::Convolution shape{.window = random_window(random),
                                     .batch = random.pick({1, 7, 16, 20, 70}),
                                     .channels = groups * random.pick({1, 3, 6}),
                                     .filters = groups * random.pick({1, 5, 7}),
                                     .groups = groups};
  check_direct(random, shape, random_windows_apart(random, shape.window.output));
}

// Maxima of 2x2 pixels, whose gradient has a kernel of its own for windows with few columns.
void check_squares(RandomData& random, const Extent2d& maxima, int64_t columns) {
  const int64_t groups = random.pick({1, 1, 2});
  const Extent2d window{random.integer(1, 4), columns};
  const Extent2d output{2 * maxima.height + random.integer(0, 1), 2 * maxima.width + random.integer(0, 1)};
  const Padding2d padding{random.integer(0, window.height - 1), 0, random.integer(0, columns - 1), 0};
  const Extent2d input{output.height + window.height - 1 - padding.top, output.width + columns - 1 - padding.left};
  const reference::Convolution shape{.window = {input, output, window, {1, 1}, {1, 1}, padding},
                                     .batch = random.pick({9, 16, 70}),
                                     .channels = groups * random.integer(1, 8),
                                     .filters = groups * random.pick({1, 2, 3, 5, 8, 11, 19}),
                                     .groups = groups};
  check_direct(random, shape, {output, maxima, {2, 2}, {2, 2}, {1, 1}, {}});
}

// Rows and columns that no window has are left out, which cuts the sums of weights at other places.
void check_winograd(RandomData& random) {
  const Extent2d output{random.integer(2, 13), random.integer(2, 13)};
  const int64_t side = random.pick({3, 3, 5, 5, 2, 4, 7});
  const int64_t stride = random.pick({1, 1, 1, 2});
  const int64_t before = (side - 1) / 2;
  const int64_t behind = side / 2;
  const Extent2d input{output.height * stride, output.width * stride};
  const int64_t groups = random.pick({1, 1, 2});
  const reference::Convolution shape{
      .window = {input, output, {side, side}, {stride, stride}, {1, 1}, {before, behind, before, behind}},
      .batch = random.pick({1, 16, 20, 70}),
      .channels = groups * random.pick({1, 7, 64, 130}),
      .filters = groups * random.pick({3, 16, 70, 150}),
      .groups = groups};
  const Window2d windows{output, {output.height / 2, output.width / 2}, {2, 2}, {2, 2}, {1, 1}, {}};
  CAPTURE(shape.batch);
  CAPTURE(shape.channels);
  CAPTURE(shape.filters);
  CAPTURE(output.height);
  CAPTURE(output.width);
  CAPTURE(side);
  CAPTURE(stride);
  const Conv2d layer = conv2d_layer(shape, {.filters = 0,
                                            .bias = random.integer(0, 3) > 0,
                                            .activation = random.pick<const char*>({"linear", "relu"}),
                                            .kernel = "winograd"});
  const auto [apart, together] = run_both(random, layer, windows, shape.batch, normal_case);
  const int64_t taps = winograd_sections(shape.window, winograd_form(shape.window).taps()).all_channels();
  // Twice the error that kernels/winograd/conv2d.h states: once for each.
  const auto bound = [](int64_t terms) {
    return Tolerance{0, 512 * kRoundoff * std::sqrt(static_cast<double>(terms))};
  };
  CHECK(difference(together.dx, to_double(apart.dx), bound(taps * shape.filters)) == "");
  REQUIRE(together.gradients.size() == apart.gradients.size());
  for (size_t p = 0; p < apart.gradients.size(); ++p) {
    CHECK(difference(together.gradients[p], to_double(apart.gradients[p]),
                     bound(shape.batch * windows.output_pixels())) == "");
  }
}

}  // namespace

TEST_CASE("conv2d with a pooling, direct: integers as from the two layers over 300 shapes, forward and backward") {
  RandomData random(131);
  for (int i = 0; i < 300; ++i) {
    CAPTURE(i);
    check_direct(random);
  }
}

TEST_CASE("conv2d with a pooling: as from the two layers on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(132);
    for (int i = 0; i < 40; ++i) {
      CAPTURE(i);
      check_direct(random);
      check_winograd(random);
    }
  });
}

TEST_CASE("conv2d with a pooling of 2x2 pixels, direct: integers as from the two layers on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(134);
    for (int64_t columns = 1; columns <= 8; ++columns) {
      for (int i = 0; i < 4; ++i) check_squares(random, {random.integer(1, 6), random.integer(1, 6)}, columns);
      check_squares(random, {random.integer(1, 3), random.integer(17, 40)}, columns);  // in parts, side by side
      check_squares(random, {random.integer(30, 40), random.integer(4, 6)}, columns);  // and one below the other
    }
  });
}

TEST_CASE("conv2d with a pooling of 2x2 pixels counts the choices and multiply-adds of a gradient from winners") {
  const int64_t batch = 20;
  const reference::Convolution shape{{{9, 7}, {9, 7}, {3, 5}, {1, 1}, {1, 1}, {1, 1, 2, 2}}, batch, 3, 10, 1};
  const Window2d windows{{9, 7}, {4, 3}, {2, 2}, {2, 2}, {1, 1}, {}};
  const Conv2d layer = conv2d_layer(shape, {.filters = 0, .kernel = "direct"});
  const DirectShape direct{3, 10, {11, 11}, {8, 6}, {3, 5}, {1, 1}, {1, 1}};
  const auto flops = layer.needs({.batch = batch, .phase = Phase::kTraining, .threads = 1, .pooling = &windows}).flops;
  CHECK(flops.has_value() == argmax_gradient_fits(direct));
  if (!flops) return;
  CHECK(flops->forward == batch * layer.flops());
  CHECK(flops->input_gradient == batch * layer.flops());
  // 12 maxima, each of rows of 5 taps between 6 columns.
  CHECK(flops->weight_gradient == 2 * batch * 10 * 3 * 12 * 3 * (6 + 5 + 5));
  CHECK_FALSE(layer.needs({.batch = batch, .phase = Phase::kTraining, .threads = 1}).flops.has_value());
}

TEST_CASE("conv2d with a pooling: integers as from the two layers where channels fill vectors") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(135);
    for (int i = 0; i < 12; ++i) {
      CAPTURE(i);
      const int64_t groups = random.pick({1, 1, 2});
      const reference::Convolution shape{.window = random_window(random),
                                         .batch = random.pick({16, 17, 40}),
                                         .channels = groups * random.pick({32, 48}),
                                         .filters = groups * random.pick({32, 37}),
                                         .groups = groups};
      check_direct(random, shape, random_windows_apart(random, shape.window.output));
    }
  });
}

TEST_CASE("conv2d with a pooling spreads one image a thread at a time where the gradient of the input is wanted") {
  const reference::Convolution shape{{{9, 9}, {9, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}}, 16, 64, 64, 1};
  const Window2d windows{{9, 9}, {3, 3}, {3, 3}, {3, 3}, {1, 1}, {}};
  const Conv2d layer = conv2d_layer(shape, {.filters = 0, .kernel = "direct"});
  const auto of_thread = [&](bool input_gradient) {
    const auto scratch = [&](int threads) {
      return layer
          .needs({.batch = 16,
                  .phase = Phase::kTraining,
                  .threads = threads,
                  .input_gradient = input_gradient,
                  .pooling = &windows})
          .backward_scratch;
    };
    return scratch(2) - scratch(1);
  };
  const DirectShape direct{64, 64, {11, 11}, {9, 9}, {3, 3}, {1, 1}, {1, 1}};
  const int64_t transposed = gemm_gradient_scratch(direct, gemm_gradient_tiles(direct, 1).channels.largest());
  const int64_t image = plane_floats({9, 9});
  CHECK(of_thread(true) == std::max(transposed, image));
  CHECK(of_thread(false) > transposed + image);
}

TEST_CASE("conv2d with a pooling: every activation, ties and NaN as from the two layers") {
  RandomData random(133);
  const reference::Convolution shape{{{9, 7}, {9, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}}, 20, 3, 10, 1};
  const Window2d windows{{9, 7}, {4, 3}, {2, 2}, {2, 2}, {1, 1}, {}};
  for (const std::string activation : {"linear", "relu", "tanh", "sigmoid", "leakyRelu", "elu"}) {
    CAPTURE(activation);
    const Conv2d layer = conv2d_layer(shape, {.filters = 0, .activation = activation, .kernel = "direct"});
    const auto [apart, together] = run_both(random, layer, windows, shape.batch, normal_case);
    CHECK(difference(together.dx, to_double(apart.dx), Tolerance{0, 1e-4}) == "");
    for (size_t p = 0; p < apart.gradients.size(); ++p) {
      CHECK(difference(together.gradients[p], to_double(apart.gradients[p]), Tolerance{0, 1e-4}) == "");
    }
    const auto nan_case = [](const Layer& of, int64_t batch, RandomData& values) {
      LayerCase given = normal_case(of, batch, values);
      given.x[values.integer(0, static_cast<int64_t>(given.x.size()) - 1)] = std::nanf("");
      return given;
    };
    run_both(random, layer, windows, shape.batch, nan_case);
  }
}

TEST_CASE("conv2d takes the maxima of windows that lie apart, by Winograd of 2x2 pixels behind linear and relu") {
  const reference::Convolution shape{{{8, 8}, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}}, 16, 16, 16, 1};
  const auto pools = [&](const std::string& kernel, const Window2d& windows, const std::string& activation = "relu",
                         int64_t batch = 16) {
    return conv2d_layer(shape, {.filters = 0, .activation = activation, .kernel = kernel}).pools(batch, windows);
  };
  const Window2d two{{8, 8}, {4, 4}, {2, 2}, {2, 2}, {1, 1}, {}};
  const Window2d three{{8, 8}, {2, 2}, {3, 3}, {3, 3}, {1, 1}, {}};
  const Window2d overlapping{{8, 8}, {3, 3}, {3, 3}, {2, 2}, {1, 1}, {}};
  const Window2d reaching_over{{8, 8}, {3, 3}, {3, 3}, {3, 3}, {1, 1}, {0, 1, 0, 1}};
  CHECK((pools("direct", two) && pools("direct", three) && pools("winograd", two)));
  CHECK(pools("direct", two, "tanh"));
  CHECK(!pools("winograd", three));
  CHECK(!pools("winograd", two, "tanh"));
  CHECK(!pools("blas", two));
  reference::Convolution line = shape;
  line.window.window = {1, 3};
  line.window.padding = {0, 0, 1, 1};
  CHECK(!conv2d_layer(line, {.filters = 0, .kernel = "winograd"}).pools(16, two));
  reference::Convolution dilated = shape;
  dilated.window.dilation = {1, 2};
  dilated.window.padding = {1, 1, 2, 2};
  CHECK(conv2d_layer(dilated, {.filters = 0, .kernel = "direct"}).pools(16, two));
  CHECK(!conv2d_layer(dilated, {.filters = 0, .kernel = "winograd"}).pools(16, two));
  CHECK(!pools("auto", two, "relu", 1));
  CHECK(!pools("direct", overlapping));
  CHECK(!pools("direct", reaching_over));
  const Window2d many_taps{{256, 256}, {1, 1}, {256, 256}, {256, 256}, {1, 1}, {}};
  CHECK(!pools("direct", many_taps));
}
