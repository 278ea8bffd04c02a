// Threads: 1 to 3.
#include "layers/pooling/average_pool2d.h"

#include <doctest/doctest.h>

#include "kernels/reference/pooling.h"
#include "layers/pooling/max_pool2d.h"
#include "support/compare.h"
#include "support/layer_run.h"
#include "support/random_data.h"
#include "support/specs.h"
#include "support/windows.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("averagePool2d: agrees with the reference over 200 shapes, forward and backward, in rows and lanes") {
  RandomData random(161);
  for (int i = 0; i < 200; ++i) {
    CAPTURE(i);
    const Window2d window = random_pooling_window(random);
    const int64_t batch = random.pick({1, 2, 7, 20, 33});
    const int64_t channels = random.pick({1, 3, 7, 10});
    const bool include = random.integer(0, 1) == 1;
    AveragePool2dOptions options;
    options.count_padding = include ? "include" : "exclude";
    set_window(window, options);
    const AveragePool2d layer(average_pool2d(options), {window.input.height, window.input.width, channels});
    REQUIRE(layer.output_shape() == Shape{window.output.height, window.output.width, channels});
    LayerCase given = normal_case(layer, batch, random);
    given.threads = static_cast<int>(random.integer(1, 3));
    given.offered = random.pick({Layout::kRows, Layout::kLanes});
    const LayerResult result = run_layer(layer, given);
    CHECK(result.broken_rules == "");

    const std::vector<double> x = to_double(given.x);
    const std::vector<double> dy = to_double(given.dy);
    std::vector<double> y(dy.size());
    std::vector<double> dx(x.size());
    const CountPadding padding = include ? CountPadding::kInclude : CountPadding::kExclude;
    for (int64_t n = 0; n < batch; ++n) {
      const int64_t in = n * layer.input_shape().size();
      const int64_t out = n * layer.output_shape().size();
      reference::average_pool(window, padding, channels, x.data() + in, y.data() + out);
      reference::average_pool_backward(window, padding, channels, dy.data() + out, dx.data() + in);
    }
    CHECK(difference(result.y, y, Tolerance{2 * kRoundoff, 1e-9}) == "");
    CHECK(difference(result.dx, dx, Tolerance{16 * kRoundoff, 64 * kRoundoff}) == "");
  }
}

TEST_CASE("globalAveragePool2d, globalMaxPool2d: integers exactly, in rows and lanes") {
  const Shape input{4, 2, 3};
  RandomData random(162);
  for (const int64_t batch : {1, 7, 20}) {
    for (const Layout offered : {Layout::kRows, Layout::kLanes}) {
      CAPTURE(batch);
      const GlobalAveragePool2d average(plain_layer("globalAveragePool2d"), input);
      const GlobalMaxPool2d maximum(plain_layer("globalMaxPool2d"), input);
      CHECK(average.output_shape() == Shape{3});
      CHECK(maximum.output_shape() == Shape{3});
      LayerCase given = integer_case(average, batch, random);
      given.offered = offered;
      std::vector<float> mean(given.dy.size());
      std::vector<float> largest(given.dy.size(), -100);
      std::vector<float> dx(given.x.size());
      for (size_t i = 0; i < given.x.size(); ++i) {
        const size_t out = i / 24 * 3 + i % 3;
        mean[out] += given.x[i] / 8;
        largest[out] = std::max(largest[out], given.x[i]);
        dx[i] = given.dy[out] / 8;
      }
      const LayerResult result = run_layer(average, given);
      CHECK(result.broken_rules == "");
      CHECK(difference(result.y, to_double(mean), Tolerance{}) == "");
      CHECK(difference(result.dx, to_double(dx), Tolerance{}) == "");
      const LayerResult result_of_maximum = run_layer(maximum, given);
      CHECK(difference(result_of_maximum.y, to_double(largest), Tolerance{}) == "");
      // The first of equal ones takes the gradient.
      for (size_t i = 0; i < given.x.size(); ++i) {
        const size_t out = i / 24 * 3 + i % 3;
        const bool wins = given.x[i] == largest[out];
        dx[i] = wins ? given.dy[out] : 0;
        if (wins) largest[out] = 1000;
      }
      CHECK(difference(result_of_maximum.dx, to_double(dx), Tolerance{}) == "");
    }
  }
}

TEST_CASE("globalMaxPool2d: the last of 65,535 and of 65,536 pixels gets its gradient, which lanes could not number") {
  for (const int64_t width : {255, 256}) {
    CAPTURE(width);
    const Shape input{width == 255 ? 257 : 256, width, 1};
    const GlobalMaxPool2d layer(plain_layer("globalMaxPool2d"), input);
    CHECK(layer.layout(16, Layout::kLanes) == (width == 255 ? Layout::kLanes : Layout::kRows));
    RandomData random(163);
    LayerCase given = integer_case(layer, 16, random);
    given.offered = Layout::kLanes;
    std::vector<float> dx(given.x.size());
    for (size_t n = 0; n < 16; ++n) {
      const size_t last = (n + 1) * static_cast<size_t>(input.size()) - 1;
      given.x[last] = 1000;
      dx[last] = given.dy[n] = static_cast<float>(n + 1);
    }
    const LayerResult result = run_layer(layer, given);
    CHECK(result.broken_rules == "");
    CHECK(difference(result.dx, to_double(dx), Tolerance{}) == "");
  }
}

TEST_CASE("averagePool2d, global pooling: shapes that are refused") {
  CHECK(error_of([] {
          AveragePool2d(average_pool2d({.padding = Spec::List{2, 0, 0, 0}}), {4, 4, 1});
        }) ==
        "SHAPE_MISMATCH: averagePool2d \"averagePool2d_1\": a window lies wholly in the padding, where there are no "
        "values; use a padding smaller than poolSize");
  CHECK(error_of([] { GlobalAveragePool2d(plain_layer("globalAveragePool2d"), {7}); }) ==
        "SHAPE_MISMATCH: globalAveragePool2d \"globalAveragePool2d_1\": takes images [height, width, channels], got "
        "samples of shape [7]; set the model's inputShape accordingly");
}

// torch.nn.functional.avg_pool2d(x, size, stride=2, padding=padding, ceil_mode=True, count_include_pad=...)
TEST_CASE("averagePool2d: rounding up keeps the only window when it sticks out, and divides as PyTorch does") {
  const auto mean = [](int64_t size, int64_t padding, const std::string& count_padding) {
    const AveragePool2d layer(average_pool2d({.pool_size = {size, size},
                                              .padding = Spec::List{padding, padding, padding, padding},
                                              .rounding = "up",
                                              .count_padding = count_padding}),
                              {3, 3, 1});
    LayerCase given{1, {1, 2, 3, 4, 5, 6, 7, 8, 10}, {1}, {}};
    return run_layer(layer, given).y;
  };
  CHECK(mean(4, 0, "include") == std::vector<float>{46.0F / 9});
  CHECK(mean(6, 1, "include") == std::vector<float>{46.0F / 25});
  CHECK(mean(6, 1, "exclude") == std::vector<float>{46.0F / 9});
}
