#include "kernels/row_terms.h"

#include <bit>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/row_terms.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "common/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// No table has this row.
constexpr uint32_t kGone = 0xFFFFFFFFU;

HWY_INLINE uint32_t row_of(RowTerm term) { return static_cast<uint32_t>(term >> 32); }
HWY_INLINE float value_of(RowTerm term) { return std::bit_cast<float>(static_cast<uint32_t>(term)); }
HWY_INLINE RowTerm term_of(uint32_t row, float value) { return uint64_t{row} << 32 | std::bit_cast<uint32_t>(value); }

template <class Value>
HWY_INLINE void deal(RadixDigit part, const SparseRows& bags, Value value, const float* dy, const SampleRange& samples,
                     uint32_t* HWY_RESTRICT places, RowTerm* HWY_RESTRICT terms) {
  for (int64_t n = samples.first; n < samples.first + samples.count; ++n) {
    for (int64_t e = bags.offsets[n]; e < bags.offsets[n + 1]; ++e) {
      const uint32_t row = bags.indices[e];
      // As a sum that begins with 0.
      terms[places[part.of(row)]++] = term_of(row, 0.0F + value(e) * dy[n]);
    }
  }
}

void DealTerms(RadixDigit part, const SparseRows& bags, const float* dy, const SampleRange& samples, uint32_t* places,
               RowTerm* terms) {
  if (bags.values == nullptr) {
    deal(
        part, bags, [](int64_t) { return 1.0F; }, dy, samples, places, terms);
  } else {
    deal(
        part, bags, [&](int64_t e) { return bags.values[e]; }, dy, samples, places, terms);
  }
}

// The lanes of the mask side by side; a whole vector is written, which takes less time than a part. Returns how many.
template <class Mask, class Values>
HWY_INLINE size_t store_those(Mask mask, Values values, uint32_t* to) {
  const hn::ScalableTag<uint32_t> d;
  hn::StoreU(hn::Compress(values, mask), d, to);
  return hn::CountTrue(d, mask);
}

// Most rows come once. So where each came first is noted for all terms of a chunk, without a branch and without a store
// whose place waits for a load, and those that came again are then picked out.
void SumTerms(RadixDigit part, RowTerm* HWY_RESTRICT terms, int64_t first, int64_t count,
              uint32_t* HWY_RESTRICT slots) {
  constexpr int64_t kChunk = 256;
  constexpr size_t kBeyond = HWY_MAX_BYTES / sizeof(uint32_t);
  const hn::ScalableTag<uint32_t> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto mask = static_cast<uint32_t>(slots_of(part) - 1);
  HWY_ALIGN uint32_t earlier[kChunk + kBeyond];
  HWY_ALIGN uint32_t again[kChunk + kBeyond];
  for (int64_t at = first; at < first + count; at += kChunk) {
    const int64_t terms_of_chunk = HWY_MIN(kChunk, first + count - at);
    for (int64_t i = 0; i < terms_of_chunk; ++i) {
      uint32_t& slot = slots[row_of(terms[at + i]) & mask];
      const uint32_t before = slot;
      const bool came = before > first;  // places from 1 on; those of other parts are no more than theirs
      earlier[i] = came ? before : 0;
      slot = came ? before : static_cast<uint32_t>(at + i + 1);
    }
    hn::StoreU(hn::Zero(d), d, earlier + terms_of_chunk);
    size_t repeated = 0;
    for (int64_t i = 0; i < terms_of_chunk; i += lanes) {
      const auto came = hn::Ne(hn::LoadU(d, earlier + i), hn::Zero(d));
      repeated += store_those(came, hn::Iota(d, static_cast<uint32_t>(i)), again + repeated);
    }
    for (size_t k = 0; k < repeated; ++k) {
      RowTerm& sum = terms[earlier[again[k]] - 1];
      RowTerm& term = terms[at + again[k]];
      sum = term_of(row_of(sum), value_of(sum) + value_of(term));
      term = term_of(kGone, 0);
    }
  }
}

int64_t TakeTerms(const RowTerm* terms, int64_t count, uint32_t* rows, float* values) {
  const hn::ScalableTag<uint32_t> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto* bits = reinterpret_cast<uint32_t*>(values);
  size_t taken = 0;
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::Vec<decltype(d)> low;
    hn::Vec<decltype(d)> row;
    hn::LoadInterleaved2(d, reinterpret_cast<const uint32_t*>(terms + i), low, row);
    const auto kept = hn::Ne(row, hn::Set(d, kGone));
    store_those(kept, low, bits + taken);
    taken += store_those(kept, row, rows + taken);
  }
  for (; i < count; ++i) {
    rows[taken] = row_of(terms[i]);
    values[taken] = value_of(terms[i]);
    taken += row_of(terms[i]) != kGone;
  }
  return static_cast<int64_t>(taken);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradloom
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>

namespace gradloom {
namespace {

// Slots of a part, 16 KiB, leave room for the terms in a first cache of 32 KiB; tables of many rows take more of them
// rather than so many parts that each has its own line to be written.
constexpr int kSlotBits = 12;
constexpr int kMostPartBits = 10;

// Few rows come often, and are sorted in one pass.
constexpr int kBitsOfOneDigit = 11;

int bits_of(int64_t rows) { return std::bit_width(static_cast<uint64_t>(std::max<int64_t>(rows, 2) - 1)); }

}  // namespace

HWY_EXPORT(DealTerms);
HWY_EXPORT(SumTerms);
HWY_EXPORT(TakeTerms);

bool has_row_parts(int64_t rows) {
  const int bits = bits_of(rows);
  return bits > kBitsOfOneDigit && bits <= kMostPartBits + kMostSlotBits;
}

RadixDigit part_of_rows(int64_t rows) {
  const int bits = bits_of(rows);
  const int part = std::clamp(bits - kSlotBits, 0, kMostPartBits);
  return {.shift = bits - part, .bits = part};
}

void count_parts(RadixDigit part, const uint32_t* rows, int64_t count, uint32_t* counts) {
  std::fill_n(counts, part.size(), 0U);
  for (int64_t i = 0; i < count; ++i) ++counts[part.of(rows[i])];
}

void deal_terms(RadixDigit part, const SparseRows& bags, const float* dy, const SampleRange& samples, uint32_t* places,
                RowTerm* terms) {
  HWY_DYNAMIC_DISPATCH(DealTerms)(part, bags, dy, samples, places, terms);
}

void sum_terms(RadixDigit part, RowTerm* terms, int64_t first, int64_t count, uint32_t* slots) {
  HWY_DYNAMIC_DISPATCH(SumTerms)(part, terms, first, count, slots);
}

int64_t take_terms(const RowTerm* terms, int64_t count, uint32_t* rows, float* values) {
  return HWY_DYNAMIC_DISPATCH(TakeTerms)(terms, count, rows, values);
}

}  // namespace gradloom
#endif  // HWY_ONCE
