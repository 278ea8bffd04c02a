#include "kernels/conv2d/depthwise.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

// Calls visit(output pixel, tap, input pixel) for all taps that meet the plane.
template <class Visit>
void for_each_tap(const Window2d& w, Visit visit) {
  for (int64_t pixel = 0; pixel < w.output_pixels(); ++pixel) {
    for (int64_t tap = 0; tap < w.taps(); ++tap) {
      const int64_t row =
          pixel / w.output.width * w.stride.height - w.padding.top + tap / w.window.width * w.dilation.height;
      const int64_t column =
          pixel % w.output.width * w.stride.width - w.padding.left + tap % w.window.width * w.dilation.width;
      if (row < 0 || row >= w.input.height || column < 0 || column >= w.input.width) continue;
      visit(pixel, tap, row * w.input.width + column);
    }
  }
}

// Windows beyond every edge, also some that meet nothing, and planes of one pixel.
Window2d any_window(RandomData& random, const Extent2d& window) {
  const auto extent = [&](int64_t most) { return Extent2d{random.integer(1, most), random.integer(1, most)}; };
  Window2d w{extent(12), extent(17), window, extent(3), extent(3), {}};
  w.padding = {random.integer(-2, 6), 0, random.integer(-2, 6), 0};
  return w;
}

// 16 samples, of which those beyond `lanes` have no gradient.
std::vector<float> gradient_in_lanes(RandomData& random, int64_t pixels, int64_t lanes) {
  std::vector<float> values = random.integers(pixels * kLanes);
  for (int64_t i = 0; i < pixels * kLanes; ++i) {
    if (i % kLanes >= lanes) values[static_cast<size_t>(i)] = 0;
  }
  return values;
}

}  // namespace

TEST_CASE("conv2d_depthwise_forward: integers agree exactly over 300 windows on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(140);
    for (int i = 0; i < 300; ++i) {
      CAPTURE(i);
      // Some have no taps, as phases of strides larger than the window have.
      const Window2d w = any_window(random, {random.integer(0, 7), random.integer(0, 7)});
      const int64_t lanes = random.pick({kHalfLanes, kLanes});
      const bool relu = random.integer(0, 1) == 1;
      const auto bias = static_cast<float>(random.integer(-3, 3));
      GuardedBuffer x(random.integers(w.input_pixels() * kLanes));
      const std::vector<float> weights = random.integers(w.taps() + 1);
      // Among other pixels, as those of one phase lie.
      const Extent2d apart{random.integer(1, 2), random.integer(1, 2)};
      const int64_t line = w.output.width * apart.width * kLanes;
      std::vector<float> expected = random.integers(w.output.height * apart.height * line);
      GuardedBuffer y(expected);
      const auto at = [&](int64_t pixel, int64_t lane) {
        return static_cast<size_t>(pixel / w.output.width * apart.height * line +
                                   pixel % w.output.width * apart.width * kLanes + lane);
      };
      for (int64_t pixel = 0; pixel < w.output_pixels(); ++pixel) {
        for (int64_t lane = 0; lane < kLanes; ++lane) expected[at(pixel, lane)] = bias;
      }
      for_each_tap(w, [&](int64_t pixel, int64_t tap, int64_t input) {
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          expected[at(pixel, lane)] += weights[static_cast<size_t>(tap)] * x.data()[input * kLanes + lane];
        }
      });
      for (int64_t pixel = 0; pixel < w.output_pixels(); ++pixel) {
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          float& value = expected[at(pixel, lane)];
          if (relu) value = std::max(value, 0.0F);
        }
      }
      conv2d_depthwise_forward(w, lanes, x.data(), weights.data(), bias, relu ? Activation::kRelu : Activation::kLinear,
                               {y.data(), apart.height * line, apart.width * kLanes}, {});
      // Of the others a vector that holds a whole block gives the same, and smaller ones nothing.
      bool others = true;
      for (int64_t pixel = 0; pixel < w.output_pixels(); ++pixel) {
        for (int64_t lane = lanes; lane < kLanes; ++lane) {
          const float value = y.data()[at(pixel, lane)];
          others &= value == 0 || value == expected[at(pixel, lane)];
          expected[at(pixel, lane)] = value;
        }
      }
      CHECK(others);
      CHECK(difference_in_bits(y.span(), expected) == "");
      CHECK(y.intact());
    }
  });
}

TEST_CASE("conv2d_depthwise_weight_gradient: integers agree exactly over 300 windows on every instruction set") {
  for_each_simd_target([](const std::string& target) {
    CAPTURE(target);
    RandomData random(141);
    for (int i = 0; i < 300; ++i) {
      CAPTURE(i);
      Window2d w = any_window(random, {random.integer(1, 3), random.integer(1, 3)});
      if (i % 5 == 0) {
        // Only where all of it meets the plane.
        w.window = {5, 5};
        w.padding = {};
        w.input = {(w.output.height - 1) * w.stride.height + 4 * w.dilation.height + 1,
                   (w.output.width - 1) * w.stride.width + 4 * w.dilation.width + 1};
      }
      REQUIRE(depthwise_gradient_fits(w.window));
      const int64_t lanes = random.pick({kHalfLanes, kLanes});
      GuardedBuffer x(random.integers(w.input_pixels() * kLanes));
      GuardedBuffer dz(gradient_in_lanes(random, w.output_pixels(), lanes));
      std::vector<float> expected = random.integers(w.taps());
      GuardedBuffer gradient(expected);
      const auto accumulate = i % 2 == 0 ? Accumulate::kAdd : Accumulate::kOverwrite;
      if (accumulate == Accumulate::kOverwrite) std::fill(expected.begin(), expected.end(), 0.0F);
      for_each_tap(w, [&](int64_t pixel, int64_t tap, int64_t input) {
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          expected[static_cast<size_t>(tap)] += dz.data()[pixel * kLanes + lane] * x.data()[input * kLanes + lane];
        }
      });
      conv2d_depthwise_weight_gradient(w, lanes, x.data(), dz.data(), accumulate, gradient.data(), {});
      CHECK(difference_in_bits(gradient.span(), expected) == "");
      CHECK(gradient.intact());
    }
  });
}
