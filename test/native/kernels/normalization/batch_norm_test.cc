#include "kernels/normalization/batch_norm.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "support/compare.h"
#include "support/guarded_buffer.h"
#include "support/random_data.h"
#include "support/simd_targets.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// A block with its operands. Columns without samples hold NaN, and so does what lies between the rows.
struct Case {
  ChannelBlock block;
  GuardedBuffer x;
  GuardedBuffer dy;
  std::vector<float> mean, scale, shift, centre, slope;  // one value a channel
  std::vector<double> exact_mean;

  int64_t channels() const { return block.meaning == Columns::kSamples ? 1 : block.columns; }
  int64_t held() const { return block.meaning == Columns::kSamples ? block.samples : block.columns; }
  size_t channel(int64_t column) const { return block.meaning == Columns::kSamples ? 0 : static_cast<size_t>(column); }
  int64_t floats() const { return block.rows == 0 ? 0 : (block.rows - 1) * block.stride + block.columns; }
};

Case make_case(RandomData& random, const ChannelBlock& block) {
  Case made{block, GuardedBuffer(0), GuardedBuffer(0), {}, {}, {}, {}, {}, {}};
  std::vector<float> x(static_cast<size_t>(made.floats()), kNan);
  std::vector<float> dy = x;
  for (int64_t r = 0; r < block.rows; ++r) {
    const auto row = static_cast<size_t>(r * block.stride);
    for (size_t c = 0; c < static_cast<size_t>(made.held()); ++c) {
      x[row + c] = random.normal(1)[0];
      dy[row + c] = random.normal(1)[0];
    }
  }
  made.x = GuardedBuffer(x, 1);
  made.dy = GuardedBuffer(dy, 1);
  for (auto* values : {&made.mean, &made.scale, &made.shift, &made.centre, &made.slope})
    *values = random.normal(made.channels());
  made.exact_mean = to_double(made.mean);
  return made;
}

template <class Value>
void check_sums(Case& given, const std::vector<double>& sums, Value value) {
  std::vector<double> expected(static_cast<size_t>(given.channels()));
  for (int64_t r = 0; r < given.block.rows; ++r) {
    for (int64_t c = 0; c < given.held(); ++c) {
      expected[given.channel(c)] += value(r * given.block.stride + c, given.channel(c));
    }
  }
  CHECK(difference(sums, expected, Tolerance{1e-12, 1e-12}) == "");
}

template <class Value>
void check_map(const Case& given, GuardedBuffer& out, Value value) {
  for (int64_t r = 0; r < given.block.rows; ++r) {
    const int64_t row = r * given.block.stride;
    std::vector<double> expected(static_cast<size_t>(given.block.columns));
    for (int64_t c = 0; c < given.held(); ++c) expected[static_cast<size_t>(c)] = value(row + c, given.channel(c));
    const std::span<const float> actual(out.data() + row, static_cast<size_t>(given.block.columns));
    CHECK(difference(actual, expected, Tolerance{16 * kRoundoff, 16 * kRoundoff}) == "");
  }
  CHECK(out.intact());
}

void check(Case given) {
  const float* x = given.x.data();
  const float* dy = given.dy.data();
  const auto& [mean, scale, shift, centre, slope] =
      std::tie(given.mean, given.scale, given.shift, given.centre, given.slope);
  const auto x_at = [&](int64_t i) { return static_cast<double>(x[i]); };
  const auto dy_at = [&](int64_t i) { return static_cast<double>(dy[i]); };

  std::vector<double> sums(static_cast<size_t>(given.channels()), kNan);
  channel_sums(given.block, x, sums.data());
  check_sums(given, sums, [&](int64_t i, size_t) { return x_at(i); });
  std::vector<double> squares(sums.size(), kNan);
  channel_moments(given.block, mean.data(), x, {sums.data(), squares.data()});
  check_sums(given, sums, [&](int64_t i, size_t k) { return x_at(i) - mean[k]; });
  check_sums(given, squares, [&](int64_t i, size_t k) { return (x_at(i) - mean[k]) * (x_at(i) - mean[k]); });
  for (const Rectified rectified : {Rectified::kNo, Rectified::kYes, Rectified::kLeaky}) {
    CAPTURE(static_cast<int>(rectified));
    const ChannelCoefficients by{mean.data(), scale.data(), shift.data(), rectified, 0.25F};
    const double below = rectified == Rectified::kNo ? 1 : rectified == Rectified::kYes ? 0 : by.slope;
    const auto z = [&](int64_t i, size_t k) { return (x_at(i) - mean[k]) * scale[k] + shift[k]; };
    // Random values lie further from 0 than z is rounded.
    const auto gradient = [&](int64_t i, size_t k) { return (z(i, k) > 0 ? 1 : below) * dy_at(i); };
    std::vector<double> products(sums.size(), kNan);
    channel_gradient_sums(given.block, by, {given.exact_mean.data(), x, dy}, {sums.data(), products.data()});
    check_sums(given, sums, gradient);
    check_sums(given, products, [&](int64_t i, size_t k) { return (x_at(i) - mean[k]) * gradient(i, k); });

    GuardedBuffer out(given.floats(), 3);
    normalize_channels(given.block, by, x, out.data());
    check_map(given, out, [&](int64_t i, size_t k) { return (z(i, k) > 0 ? 1 : below) * z(i, k); });
    normalize_channels_backward(given.block, {by, centre.data(), slope.data()}, x, dy, out.data());
    check_map(given, out, [&](int64_t i, size_t k) {
      return scale[k] * (gradient(i, k) - centre[k] - (x_at(i) - mean[k]) * slope[k]);
    });
  }
  GuardedBuffer out(given.floats(), 3);
  scale_channels(given.block, scale.data(), dy, out.data());
  check_map(given, out, [&](int64_t i, size_t k) { return static_cast<double>(scale[k]) * dy_at(i); });
}

}  // namespace

TEST_CASE("batch_norm: rows, every width on every instruction set, whole and as a part of wider rows") {
  RandomData random(71);
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    for (const int64_t columns : {1, 3, 4, 7, 8, 9, 15, 16, 17, 33}) {
      for (const int64_t rows : {0, 1, 2, 31, 32, 33, 67}) {
        CAPTURE(columns);
        CAPTURE(rows);
        check(make_case(random, {rows, columns, columns + random.pick({0, 5})}));
      }
    }
  });
}

TEST_CASE("batch_norm: lanes, samples of 1 to 16; what other lanes hold reaches no sum") {
  RandomData random(72);
  for_each_simd_target([&](const std::string& target) {
    CAPTURE(target);
    for (int64_t samples = 1; samples <= kLanes; ++samples) {
      CAPTURE(samples);
      check(make_case(random, {random.integer(1, 70), kLanes, kLanes, Columns::kSamples, samples}));
    }
  });
}

TEST_CASE("batch_norm: sums of a million values lose nothing, however far off the mean") {
  const std::vector<float> x(1 << 20, 16777217.0F);  // one more would be rounded in a sum of floats
  double sum = 0;
  channel_sums({1 << 20, 1, 1}, x.data(), &sum);
  CHECK(sum == 16777216.0 * (1 << 20));
  const float start = 16777215.0F;
  double square = 0;
  channel_moments({1 << 20, 1, 1}, &start, x.data(), {&sum, &square});
  CHECK(sum == 1 << 20);
  CHECK(square == 1 << 20);
}
