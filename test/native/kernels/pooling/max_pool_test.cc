#include "kernels/pooling/max_pool.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "kernels/reference/pooling.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/windows.h"

using namespace gradloom;
using namespace gradloom::test;

TEST_CASE("max_pool: values, winners and gradients equal the reference over 300 windows, ties included") {
  RandomData random(31);
  for (int i = 0; i < 300; ++i) {
    CAPTURE(i);
    const Window2d window = random_pooling_window(random);
    const int64_t channels = random.pick({1, 3, 7, 16, 17});
    const int64_t outputs = window.output_pixels() * channels;
    GuardedBuffer x(random.integers(window.input_pixels() * channels, 2), 1);
    std::vector<double> expected(static_cast<size_t>(outputs));
    std::vector<int32_t> expected_winner(expected.size());
    reference::max_pool(window, channels, to_double(x.values()).data(), expected.data(), expected_winner.data());

    GuardedBuffer y(outputs, 1);
    std::vector<int32_t> winner(expected.size());
    const int64_t rows = random.integer(0, window.output.height);
    max_pool(window, channels, rows, window.output.height - rows, x.data(), y.data(), winner.data());
    max_pool(window, channels, 0, rows, x.data(), y.data(), winner.data());
    CHECK(difference(y.span(), expected, Tolerance{}) == "");
    CHECK(winner == expected_winner);
    GuardedBuffer predicted(outputs);
    max_pool(window, channels, 0, window.output.height, x.data(), predicted.data(), nullptr);
    CHECK(difference_in_bits(predicted.span(), y.span()) == "");
    CHECK(y.intact());

    GuardedBuffer dy(random.integers(outputs), 1);
    GuardedBuffer dx(window.input_pixels() * channels, 1);
    std::vector<double> expected_dx(dx.span().size());
    reference::max_pool_backward(window, channels, to_double(dy.values()).data(), winner.data(), expected_dx.data());
    max_pool_backward(window, channels, dy.data(), winner.data(), dx.data());
    CHECK(difference(dx.span(), expected_dx, Tolerance{}) == "");
    CHECK(dx.intact());
  }
}

TEST_CASE("max_pool: padding never wins, the first of equals does, NaN always does") {
  const Window2d window{{2, 2}, {1, 1}, {4, 4}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const auto pool = [&](const std::vector<float>& x) {
    float y = 0;
    int32_t winner = -1;
    max_pool(window, 1, 0, 1, x.data(), &y, &winner);
    float predicted = 0;
    max_pool(window, 1, 0, 1, x.data(), &predicted, nullptr);
    CHECK((predicted == y || (std::isnan(predicted) && std::isnan(y))));
    return std::pair(y, winner);
  };
  CHECK(pool({-3, -1, -2, -4}) == std::pair(-1.0F, 1));
  CHECK(pool({5, 5, 5, 5}) == std::pair(5.0F, 0));
  CHECK(pool({-INFINITY, -INFINITY, -INFINITY, -INFINITY}) == std::pair(-INFINITY, 0));
  for (int at = 0; at < 4; ++at) {
    std::vector<float> x = {1, INFINITY, -2, 3};
    x[static_cast<size_t>(at)] = kNan;
    const auto [y, winner] = pool(x);
    CHECK(std::isnan(y));
    CHECK(winner == at);
  }
}
