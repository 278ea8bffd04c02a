#include "kernels/pooling/max_pool_lanes.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "kernels/layout/lanes.h"
#include "kernels/pooling/max_pool.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"
#include "support/windows.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

Window2d tiling_window(RandomData& random) {
  const Extent2d output{random.integer(1, 5), random.integer(1, 5)};
  const Extent2d window{random.integer(1, 3), random.integer(1, 3)};
  const Extent2d input{output.height * window.height, output.width * window.width};
  return {input, output, window, window, {1, 1}, {}};
}

}  // namespace

// 16 samples of one channel in lanes are an image of 16 channels in rows, so the kernel for rows is the oracle here.
TEST_CASE("max_pool_lanes: the bits of max_pool over 150 windows, ties and NaN included, on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(81);
    for (int i = 0; i < 150; ++i) {
      CAPTURE(i);
      // Windows that tile the image, as most pools do, have a way of their own.
      const Window2d window = i % 5 == 1 ? tiling_window(random) : random_pooling_window(random);
      const int64_t outputs = window.output_pixels() * kLanes;
      GuardedBuffer x(random.integers(window.input_pixels() * kLanes, 2));
      if (i % 5 == 0) x.data()[random.integer(0, window.input_pixels() * kLanes - 1)] = std::nanf("");
      std::vector<float> expected(static_cast<size_t>(outputs));
      std::vector<int32_t> expected_winner(expected.size());
      max_pool(window, kLanes, 0, window.output.height, x.data(), expected.data(), expected_winner.data());

      GuardedBuffer y(outputs);
      GuardedBuffer winner(floats_of_winners(outputs));
      auto* taps = reinterpret_cast<ArgmaxTap*>(winner.data());
      max_pool_lanes(window, Winners::kOfAll, x.data(), y.data(), taps);
      CHECK(difference_in_bits(y.span(), expected) == "");
      bool same_winner = true;
      for (int64_t at = 0; at < outputs; ++at) {
        const int64_t p = at / kLanes;
        const int64_t row = p / window.output.width * window.stride.height - window.padding.top +
                            taps[at] / window.window.width * window.dilation.height;
        const int64_t column = p % window.output.width * window.stride.width - window.padding.left +
                               taps[at] % window.window.width * window.dilation.width;
        same_winner &= row * window.input.width + column == expected_winner[static_cast<size_t>(at)];
      }
      CHECK(same_winner);
      GuardedBuffer predicted(outputs);
      max_pool_lanes(window, Winners::kOfAll, x.data(), predicted.data(), nullptr);
      CHECK(difference_in_bits(predicted.span(), expected) == "");
      CHECK((y.intact() && winner.intact() && predicted.intact()));

      GuardedBuffer dy(random.integers(outputs));
      GuardedBuffer dx(window.input_pixels() * kLanes);
      std::vector<float> expected_dx(static_cast<size_t>(window.input_pixels() * kLanes));
      max_pool_backward(window, kLanes, dy.data(), expected_winner.data(), expected_dx.data());
      const float sum = max_pool_lanes_backward(window, dy.data(), taps, dx.data());
      CHECK(difference(dx.span(), to_double(expected_dx), Tolerance{}) == "");
      CHECK(sum == std::accumulate(dy.span().begin(), dy.span().end(), 0.0F));
      CHECK(sum_at_argmax(window.output_pixels(), dy.data(), taps) == sum);
      CHECK(dx.intact());

      GuardedBuffer positive(floats_of_winners(outputs));
      auto* positive_taps = reinterpret_cast<ArgmaxTap*>(positive.data());
      max_pool_lanes(window, Winners::kOfPositive, x.data(), y.data(), positive_taps);
      CHECK(difference_in_bits(y.span(), expected) == "");
      bool right = true;
      float sum_of_positive = 0;
      std::vector<float> masked(dy.span().begin(), dy.span().end());
      for (int64_t at = 0; at < outputs; ++at) {
        const bool wins = y.data()[at] > 0;  // NaN does not
        right &= positive_taps[at] == (wins ? taps[at] : kNoTap);
        if (!wins) masked[static_cast<size_t>(at)] = 0;
        sum_of_positive += masked[static_cast<size_t>(at)];
      }
      CHECK(right);
      max_pool_backward(window, kLanes, masked.data(), expected_winner.data(), expected_dx.data());
      CHECK(max_pool_lanes_backward(window, dy.data(), positive_taps, dx.data()) == sum_of_positive);
      CHECK(sum_at_argmax(window.output_pixels(), dy.data(), positive_taps) == sum_of_positive);
      CHECK(difference(dx.span(), to_double(expected_dx), Tolerance{}) == "");
      CHECK((positive.intact() && dx.intact()));
    }
  });
}
