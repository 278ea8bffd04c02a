#include "kernels/bfloat16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/bfloat16.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Words = hn::ScalableTag<uint32_t>;
using W = hn::Vec<Words>;

constexpr int64_t kHalves = 8;  // of a block

// The high halves of the products.
HWY_INLINE W multiply_high(W a, W b) {
  const Words d;
  const W even = hn::BitCast(d, hn::MulEven(a, b));
  const W odd = hn::BitCast(d, hn::MulEven(hn::DupOdd(a), hn::DupOdd(b)));
  return hn::OddEven(odd, hn::DupOdd(even));
}

// philox (common/random.h) of a block a lane.
HWY_INLINE void philox_lanes(W (&c)[4], PhiloxKey key) {
  const Words d;
  const W by0 = hn::Set(d, 0xD2511F53);
  const W by1 = hn::Set(d, 0xCD9E8D57);
  for (int round = 0; round < 10; ++round) {
    const W high0 = multiply_high(c[0], by0);
    const W high1 = multiply_high(c[2], by1);
    const W low0 = hn::Mul(c[0], by0);
    const W low1 = hn::Mul(c[2], by1);
    c[0] = hn::Xor(hn::Xor(high1, c[1]), hn::Set(d, key[0]));
    c[1] = low1;
    c[2] = hn::Xor(hn::Xor(high0, c[3]), hn::Set(d, key[1]));
    c[3] = low0;
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
}

// round_stochastically (common/bfloat16.h) of up to eight floats by the halves of a block.
HWY_INLINE void round_block(const float* HWY_RESTRICT x, const uint32_t* HWY_RESTRICT block, int64_t count,
                            Bfloat16* HWY_RESTRICT to) {
  const hn::CappedTag<float, kHalves> d;
  const hn::RebindToUnsigned<decltype(d)> bits;
  const hn::Rebind<uint16_t, decltype(d)> halves;
  const hn::Repartition<uint32_t, decltype(halves)> words;
  const auto quiet = hn::Set(bits, 0x40);
  for (int64_t k = 0; k < count; k += static_cast<int64_t>(hn::Lanes(d))) {
    const auto left = static_cast<size_t>(count - k);
    const auto value = hn::LoadN(d, x + k, left);
    const auto increment = hn::PromoteTo(bits, hn::BitCast(halves, hn::LoadU(words, block + k / 2)));
    const auto exact = hn::BitCast(bits, value);
    const auto rounded = hn::ShiftRight<16>(hn::Add(exact, increment));
    const auto not_a_number = hn::Or(hn::ShiftRight<16>(exact), quiet);
    const auto result = hn::IfThenElse(hn::RebindMask(bits, hn::IsNaN(value)), not_a_number, rounded);
    hn::StoreN(hn::TruncateTo(halves, result), halves, &to[k].bits, left);
  }
}

// The stretches of up to eight columns of all rows, one after another, each with a block of its own.
struct Stretch {
  int64_t row = 0;  // of those touched
  int64_t column = 0;

  void advance(int64_t width) {
    column += kHalves;
    if (column < width) return;
    column = 0;
    ++row;
  }
};

void RoundRows(const TouchedRows& touched, const float* HWY_RESTRICT x, const RandomStream& random,
               Bfloat16* HWY_RESTRICT table) {
  const Words d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t width = touched.width;
  const int64_t blocks = (width + kHalves - 1) / kHalves;
  const PhiloxBlock of_stream = random.counter(0);
  HWY_ALIGN uint32_t first[HWY_MAX_BYTES / sizeof(uint32_t)] = {};
  HWY_ALIGN uint32_t second[HWY_MAX_BYTES / sizeof(uint32_t)] = {};
  HWY_ALIGN uint32_t words[HWY_MAX_BYTES];
  Stretch drawn;
  Stretch rounded;
  for (int64_t left = touched.count * blocks; left > 0; left -= lanes) {
    const int64_t count = HWY_MIN(left, lanes);
    for (int64_t lane = 0; lane < count; ++lane) {
      const PhiloxBlock counter =
          random.counter(static_cast<uint64_t>(touched.rows[drawn.row] * blocks + drawn.column / kHalves));
      first[lane] = counter[0];
      second[lane] = counter[1];
      drawn.advance(width);
    }
    W c[4] = {hn::Load(d, first), hn::Load(d, second), hn::Set(d, of_stream[2]), hn::Set(d, of_stream[3])};
    philox_lanes(c, random.key());
    hn::StoreInterleaved4(c[0], c[1], c[2], c[3], d, words);
    for (int64_t lane = 0; lane < count; ++lane) {
      const int64_t columns = HWY_MIN(kHalves, width - rounded.column);
      round_block(x + rounded.row * width + rounded.column, words + 4 * lane, columns,
                  table + touched.rows[rounded.row] * width + rounded.column);
      rounded.advance(width);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom {

HWY_EXPORT(RoundRows);

void round_rows(const TouchedRows& touched, const float* x, const RandomStream& random, Bfloat16* table) {
  HWY_DYNAMIC_DISPATCH(RoundRows)(touched, x, random, table);
}

}  // namespace gradloom
#endif  // HWY_ONCE
