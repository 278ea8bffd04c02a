#include "kernels/embedding/bfloat16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/embedding/bfloat16.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"
#include "kernels/random/philox-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kHalves = 8;  // of a block

// to[k] = round_stochastically(x[k], halves[k]) (common/bfloat16.h).
HWY_INLINE void round_floats(const float* HWY_RESTRICT x, const uint16_t* HWY_RESTRICT halves, int64_t count,
                             Bfloat16* HWY_RESTRICT to) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> bits;
  const hn::Rebind<uint16_t, decltype(d)> half;
  const auto quiet = hn::Set(bits, 0x40);
  const auto round = [&](auto value, auto random) HWY_ATTR {
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
  store_first(round(load_first(d, x + k, rest), load_first(half, halves + k, rest)), half, &to[k].bits, rest);
}

constexpr int64_t kDrawn = 128;  // blocks at once, whose halves stay in L1

struct Drawn {
  HWY_ALIGN uint64_t numbers[kDrawn + 2 * HWY_MAX_BYTES / sizeof(uint64_t)];
  HWY_ALIGN uint16_t halves[kHalves * (kDrawn + 2 * HWY_MAX_BYTES / sizeof(uint64_t))];
};

// The halves of the first `count` blocks; behind them the arrays may hold anything.
HWY_INLINE void draw(const PhiloxStream& stream, int64_t count, Drawn& drawn) {
  const PhiloxNumbers d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < count; i += 2 * lanes) {
    PhiloxWords words[2];
    stream.draw<2>({hn::Load(d, drawn.numbers + i), hn::Load(d, drawn.numbers + i + lanes)}, words);
    HWY_ALIGN uint64_t pairs[4 * HWY_MAX_BYTES / sizeof(uint64_t)];
    hn::StoreInterleaved2(words[0].first_two, words[0].last_two, d, pairs);
    hn::StoreInterleaved2(words[1].first_two, words[1].last_two, d, pairs + 2 * lanes);
    hwy::CopyBytes(pairs, drawn.halves + kHalves * i, 2 * static_cast<size_t>(lanes) * sizeof(PhiloxBlock));
  }
}

void RoundRows(const TouchedRows& touched, const float* HWY_RESTRICT x, const RandomStream& random,
               Bfloat16* HWY_RESTRICT table) {
  const auto [rows, count, width] = touched;
  const int64_t blocks = (width + kHalves - 1) / kHalves;
  const int64_t piece = HWY_MIN(blocks, kDrawn);  // of a row
  const int64_t rows_at_once = kDrawn / piece;
  const PhiloxStream stream(random);
  Drawn drawn = {};
  for (int64_t row = 0; row < count; row += rows_at_once) {
    const int64_t together = HWY_MIN(rows_at_once, count - row);
    for (int64_t block = 0; block < blocks; block += piece) {
      const int64_t length = HWY_MIN(piece, blocks - block);
      for (int64_t i = 0; i < together; ++i) {
        const auto begin = static_cast<uint64_t>(rows[row + i] * blocks + block);
        for (int64_t b = 0; b < length; ++b) {
          drawn.numbers[i * length + b] = begin + static_cast<uint64_t>(b);
        }
      }
      draw(stream, together * length, drawn);
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
