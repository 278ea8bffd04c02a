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

// to[k] = round_stochastically(x[k], halves[k]) (common/bfloat16.h).
HWY_INLINE void round_floats(const float* HWY_RESTRICT x, const uint16_t* HWY_RESTRICT halves, int64_t count,
                             Bfloat16* HWY_RESTRICT to) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> bits;
  const hn::Rebind<uint16_t, decltype(d)> half;
  const auto quiet = hn::Set(bits, 0x40);
  const auto round = [&](auto value, auto random) {
    const auto exact = hn::BitCast(bits, value);
    const auto rounded = hn::ShiftRight<16>(hn::Add(exact, hn::PromoteTo(bits, random)));
    const auto not_a_number = hn::Or(hn::ShiftRight<16>(exact), quiet);
    return hn::TruncateTo(half, hn::IfThenElse(hn::RebindMask(bits, hn::IsNaN(value)), not_a_number, rounded));
  };
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t k = 0;
  for (; k + lanes <= count; k += lanes) {
    hn::StoreU(round(hn::LoadU(d, x + k), hn::LoadU(half, halves + k)), half, &to[k].bits);
  }
  if (k == count) return;
  const auto rest = static_cast<size_t>(count - k);
  hn::StoreN(round(hn::LoadN(d, x + k, rest), hn::LoadN(half, halves + k, rest)), half, &to[k].bits, rest);
}

constexpr int64_t kDrawn = 128;  // blocks at once, whose halves stay in L1

struct Drawn {
  HWY_ALIGN uint32_t first[kDrawn + HWY_MAX_BYTES / sizeof(uint32_t)];  // of counters
  HWY_ALIGN uint32_t second[kDrawn + HWY_MAX_BYTES / sizeof(uint32_t)];
  HWY_ALIGN uint16_t halves[kHalves * kDrawn + HWY_MAX_BYTES * kHalves / sizeof(uint32_t)];
};

// The halves of the first `count` counters; behind them the arrays may hold anything.
HWY_INLINE void draw(const RandomStream& random, int64_t count, Drawn& drawn) {
  const Words d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const PhiloxBlock zero = random.counter(0);
  for (int64_t i = 0; i < count; i += lanes) {
    W c[4] = {hn::Load(d, drawn.first + i), hn::Xor(hn::Load(d, drawn.second + i), hn::Set(d, zero[1])),
              hn::Set(d, zero[2]), hn::Set(d, zero[3])};
    philox_lanes(c, random.key());
    HWY_ALIGN uint32_t words[HWY_MAX_BYTES];
    hn::StoreInterleaved4(c[0], c[1], c[2], c[3], d, words);
    hwy::CopyBytes(words, drawn.halves + kHalves * i, static_cast<size_t>(lanes) * sizeof(PhiloxBlock));
  }
}

void RoundRows(const TouchedRows& touched, const float* HWY_RESTRICT x, const RandomStream& random,
               Bfloat16* HWY_RESTRICT table) {
  const auto [rows, count, width] = touched;
  const int64_t blocks = (width + kHalves - 1) / kHalves;
  const int64_t piece = HWY_MIN(blocks, kDrawn);  // of a row
  const int64_t rows_at_once = kDrawn / piece;
  Drawn drawn = {};
  for (int64_t row = 0; row < count; row += rows_at_once) {
    const int64_t together = HWY_MIN(rows_at_once, count - row);
    for (int64_t block = 0; block < blocks; block += piece) {
      const int64_t length = HWY_MIN(piece, blocks - block);
      for (int64_t i = 0; i < together; ++i) {
        const auto begin = static_cast<uint64_t>(rows[row + i] * blocks + block);
        for (int64_t b = 0; b < length; ++b) {
          drawn.first[i * length + b] = static_cast<uint32_t>(begin + static_cast<uint64_t>(b));
          drawn.second[i * length + b] = static_cast<uint32_t>((begin + static_cast<uint64_t>(b)) >> 32);
        }
      }
      draw(random, together * length, drawn);
      const int64_t column = block * kHalves;
      for (int64_t i = 0; i < together; ++i) {
        round_floats(x + (row + i) * width + column, drawn.halves + kHalves * i * length,
                     HWY_MIN(length * kHalves, width - column), table + rows[row + i] * width + column);
      }
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
