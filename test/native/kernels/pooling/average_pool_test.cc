#include "kernels/pooling/average_pool.h"

#include <doctest/doctest.h>

#include "kernels/reference/pooling.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"
#include "support/windows.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

void check(RandomData& random, const Window2d& window, CountPadding padding, int64_t channels) {
  CAPTURE(channels);
  GuardedBuffer x(random.normal(window.input_pixels() * channels), 1);
  GuardedBuffer y(window.output_pixels() * channels, 1);
  std::vector<double> expected(y.span().size());
  reference::average_pool(window, padding, channels, to_double(x.values()).data(), expected.data());
  average_pool(window, padding, channels, x.data(), y.data());
  CHECK(difference(y.span(), expected, Tolerance{2 * kRoundoff, 1e-9}) == "");
  CHECK(y.intact());

  GuardedBuffer dy(random.normal(window.output_pixels() * channels), 1);
  GuardedBuffer dx(window.input_pixels() * channels, 1);
  std::vector<double> expected_dx(dx.span().size());
  reference::average_pool_backward(window, padding, channels, to_double(dy.values()).data(), expected_dx.data());
  average_pool_backward(window, padding, channels, dy.data(), dx.data());
  CHECK(difference(dx.span(), expected_dx, Tolerance{16 * kRoundoff, 64 * kRoundoff}) == "");
  CHECK(dx.intact());
}

}  // namespace

TEST_CASE("average_pool: values and gradients agree with the reference over 300 windows, both ways to count") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(61);
    for (int i = 0; i < 300; ++i) {
      CAPTURE(i);
      const CountPadding padding = i % 2 == 0 ? CountPadding::kInclude : CountPadding::kExclude;
      const Window2d window = random_pooling_window(random);
      check(random, window, padding, random.pick({1, 3, 7, 15, 16, 17, 33, 64, 75}));
    }
  });
}

TEST_CASE("average_pool: windows that lie apart, with pixels between them or none, and one over the whole image") {
  const std::vector<Window2d> windows = {
      {{6, 8}, {3, 4}, {2, 2}, {2, 2}, {1, 1}, {}},            // all of the image
      {{7, 9}, {3, 4}, {2, 2}, {2, 2}, {1, 1}, {}},            // not its last row and column
      {{7, 9}, {2, 3}, {2, 2}, {3, 3}, {1, 1}, {}},            // pixels between windows
      {{5, 6}, {3, 3}, {2, 2}, {2, 2}, {1, 1}, {1, 0, 0, 0}},  // padding above
      {{5, 5}, {2, 2}, {2, 2}, {2, 2}, {2, 2}, {}},            // dilated windows overlap
      {{5, 7}, {1, 1}, {5, 7}, {1, 1}, {1, 1}, {}},            // one window
      {{5, 7}, {1, 1}, {2, 3}, {1, 1}, {2, 2}, {}},            // one window with holes
      {{4, 8}, {4, 1}, {1, 8}, {1, 1}, {1, 1}, {}},            // a row each
  };
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    RandomData random(62);
    for (size_t i = 0; i < windows.size(); ++i) {
      CAPTURE(i);
      for (const int64_t channels : {1, 5, 16, 35}) check(random, windows[i], CountPadding::kExclude, channels);
    }
  });
}

TEST_CASE("average_pool: what counts at a corner") {
  const std::vector<float> x = {1, 2, 3, 4};
  const auto pool = [&](const Window2d& window, CountPadding padding) {
    std::vector<float> y(static_cast<size_t>(window.output_pixels()));
    average_pool(window, padding, 1, x.data(), y.data());
    return y;
  };
  const Window2d padded{{2, 2}, {1, 1}, {3, 3}, {1, 1}, {1, 1}, {1, 0, 1, 0}};
  CHECK(pool(padded, CountPadding::kExclude) == std::vector<float>{2.5F});
  CHECK(pool(padded, CountPadding::kInclude) == std::vector<float>{10.0F / 9});
  // Rounding up: the second window sticks out beyond the image and its padding of none.
  const Window2d sticking_out{{1, 4}, {1, 2}, {1, 3}, {1, 3}, {1, 1}, {}};
  CHECK(pool(sticking_out, CountPadding::kInclude) == std::vector<float>{2, 4});
}
