#include "datasets/sparse_batch.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include "common/error.h"
#include "kernels/embedding/radix_sort.h"
#include "kernels/tiling.h"

namespace gradloom {
namespace {

// 11 bits a pass: the counts of a block stay in L1.
constexpr int kMostBits = 11;
constexpr int kMostPasses = 3;  // of 32 bits

// A stable sort has one result, however keys are cut: one thread needs no cuts.
Tiling key_blocks(const Team& team, int64_t entries) { return cut(entries, entry_blocks(team.size(), entries)); }

// Rows are counted one by one, in place of their digits, where they are no more an entry, and in all, so that the
// counts stay in caches and small beside a large batch.
constexpr int64_t kRowsOfEntry = 2;
constexpr int kMostRowBits = 20;

// Two tallies of the next power of two.
int64_t most_counts(int64_t entries) { return 2 * std::min(2 * kRowsOfEntry * entries, int64_t{1} << kMostRowBits); }

// Parts of updates by each entry. Rows are dealt out to them by a hash, so that neither frequent rows, which often have
// neighbouring numbers, nor those of one set of a cache come together; rows of one float in one cache line do.
constexpr RadixDigit kPart{58, 6};
constexpr int64_t kEntriesPerPart = 256;  // at least, where entries stay in order

uint32_t hash_row(uint32_t row) { return (row >> 4) * 0x9E3779B1U; }

int bits_of(int64_t rows) {
  int bits = 1;
  while (bits < 32 && (int64_t{1} << bits) < rows) ++bits;
  return bits;
}

template <class T>
void grow(std::vector<T>& values, int64_t count) {
  if (static_cast<int64_t>(values.size()) < count) values.resize(static_cast<size_t>(count));
}

}  // namespace

void SparseBatch::reserve(int64_t samples, int64_t entries) {
  // Positions are the low half of a key.
  if (entries > std::numeric_limits<uint32_t>::max()) {
    throw Error("OUT_OF_MEMORY", "a batch of " + std::to_string(entries) +
                                     " entries is too large; at most 4294967295 have numbers of 32 bits");
  }
  try {
    grow(offsets_, samples + 1);
    for (auto* list : {&indices_, &samples_}) grow(*list, entries);
    grow(values_, entries);
    for (auto* list : {&keys_, &other_keys_}) grow(*list, entries);
    grow(rows_, entries + 1);
    grow(starts_, entries + 1);
    grow(digits_, std::max(kMostEntryBlocks << kMostBits, most_counts(entries)));
    grow(block_groups_, kMostEntryBlocks + 1);
    grow(part_starts_, int64_t{kPart.size()} + 1);
  } catch (const std::bad_alloc&) {
    throw Error("OUT_OF_MEMORY", "there is no memory for a batch of " + std::to_string(entries) + " sparse entries");
  }
}

void SparseBatch::filled(int64_t samples, bool with_values) {
  lent(samples, indices_.data(), with_values ? values_.data() : nullptr);
  input_.samples = samples_.data();
}

void SparseBatch::lent(int64_t samples, const uint32_t* indices, const float* values) {
  input_.rows = {samples, offsets_.data(), indices, values};
  input_.samples = nullptr;
  input_.room = {other_keys_.data(), digits_.data()};
  input_.groups = {};
  input_.parts = {};
  input_.value_gradients = nullptr;
}

void SparseBatch::keep_value_gradients() {
  value_gradients_.assign(static_cast<size_t>(input_.rows.entries()), 0.0F);
  input_.value_gradients = value_gradients_.data();
}

bool SparseBatch::finite() const {
  const float* values = input_.rows.values;
  return values == nullptr ||
         std::all_of(values, values + input_.rows.entries(), [](float v) { return std::isfinite(v); });
}

void SparseBatch::number_samples(Team& team) {
  if (input_.samples != nullptr) return;
  const int64_t count = input_.rows.count;
  const Tiling tiles = tile_rows(count, ceil_divide(input_.rows.entries(), std::max<int64_t>(count, 1)));
  team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t n = tiles.first(tile); n < tiles.first(tile) + tiles.size(tile); ++n) {
      const int64_t first = offsets_[static_cast<size_t>(n)];
      std::fill_n(samples_.data() + first, offsets_[static_cast<size_t>(n) + 1] - first, static_cast<uint32_t>(n));
    }
  });
  input_.samples = samples_.data();
}

// by(row) << 32 | entry, and how many keys of each block have which digit.
template <class By>
void SparseBatch::make_keys(Team& team, RadixDigit digit, By by) {
  const Tiling blocks = key_blocks(team, input_.rows.entries());
  team.for_each(blocks.count, [&](int64_t block, int) {
    uint32_t* counts = digits_.data() + block * digit.size();
    std::fill_n(counts, digit.size(), 0U);
    for (int64_t i = blocks.first(block); i < blocks.first(block) + blocks.size(block); ++i) {
      const uint64_t key = uint64_t{by(input_.rows.indices[i])} << 32 | static_cast<uint64_t>(i);
      keys_[static_cast<size_t>(i)] = key;
      ++counts[digit.of(key)];
    }
  });
}

// By the rows; all are below `rows`.
void SparseBatch::sort(Team& team, int64_t rows) {
  const int bits = bits_of(rows);
  const int passes = static_cast<int>(ceil_divide(bits, kMostBits));
  const int width = static_cast<int>(ceil_divide(bits, passes));
  const Tiling blocks = key_blocks(team, input_.rows.entries());
  if (blocks.count <= 1) return sort_at_once(passes, width);
  make_keys(team, {32, width}, [](uint32_t row) { return row; });
  scatter(team, {32, width});
  for (int pass = 1; pass < passes; ++pass) {
    const RadixDigit digit{32 + pass * width, width};
    team.for_each(blocks.count, [&](int64_t block, int) {
      count_digits(digit, keys_.data() + blocks.first(block), blocks.size(block),
                   digits_.data() + block * digit.size());
    });
    scatter(team, digit);
  }
}

// One block: the digits of all passes are counted at once, and keys are made where the first one puts them. A digit
// that all rows share needs no pass of its own.
void SparseBatch::sort_at_once(int passes, int width) {
  const int64_t count = input_.rows.entries();
  switch (passes) {
    case 1: tally_rows<1>(width); break;
    case 2: tally_rows<2>(width); break;
    default: tally_rows<kMostPasses>(width); break;
  }
  for (int pass = 0; pass < passes; ++pass) {
    const RadixDigit digit{32 + pass * width, width};
    uint32_t* tallies = digits_.data() + pass * 2 * digit.size();
    if (pass > 0 && count > 0) {
      const uint32_t first = digit.of(keys_.front());
      if (tallies[first] + tallies[digit.size() + first] == count) continue;
    }
    places_of_tallies(digit, tallies);
    if (pass == 0) {
      scatter_rows_from_ends(digit, input_.rows.indices, count, tallies, other_keys_.data());
    } else {
      scatter_from_ends(digit, keys_.data(), count, tallies, other_keys_.data());
    }
    keys_.swap(other_keys_);
  }
}

// Tallies [pass, 2, digit], two by turns, since a count waits for the one before of the same digit.
template <int kPasses>
void SparseBatch::tally_rows(int width) {
  const RadixDigit low{0, width};
  const int64_t size = low.size();
  const uint32_t* indices = input_.rows.indices;
  uint32_t* tallies = digits_.data();
  std::fill_n(tallies, kPasses * 2 * size, 0U);
  const auto count_row = [&](uint32_t row, int64_t tally) {
    for (int pass = 0; pass < kPasses; ++pass) ++tallies[(pass * 2 + tally) * size + low.of(row >> pass * width)];
  };
  const int64_t count = input_.rows.entries();
  int64_t i = 0;
  for (; i + 2 <= count; i += 2) {
    count_row(indices[i], 0);
    count_row(indices[i + 1], 1);
  }
  if (i < count) count_row(indices[i], 0);
}

// By one digit, stable, from its counts in each block.
void SparseBatch::scatter(Team& team, RadixDigit digit) {
  const Tiling blocks = key_blocks(team, input_.rows.entries());
  places_of_counts(digit, blocks.count, digits_.data());
  team.for_each(blocks.count, [&](int64_t block, int) {
    scatter_by_digit(digit, keys_.data() + blocks.first(block), blocks.size(block),
                     digits_.data() + block * digit.size(), other_keys_.data());
  });
  keys_.swap(other_keys_);
}

void SparseBatch::part(Team& team, Duplicates duplicates) {
  if (input_.parts.starts != nullptr) return;
  number_samples(team);
  const int64_t count = input_.rows.entries();
  if (team.size() == 1 || duplicates == Duplicates::kHogwild || count == 0) {
    const Tiling tiles = cut(count, team.size() == 1 ? 1 : std::min<int64_t>(kPart.size(), count / kEntriesPerPart));
    for (int64_t tile = 0; tile <= tiles.count; ++tile) {
      part_starts_[static_cast<size_t>(tile)] = std::min(count, tiles.first(tile));
    }
    input_.parts = {
        .count = tiles.count, .starts = part_starts_.data(), .rows = input_.rows.indices, .hogwild = tiles.count > 1};
    return;
  }
  make_keys(team, kPart, hash_row);
  scatter(team, kPart);
  const Tiling blocks = key_blocks(team, count);
  const uint32_t* ends = digits_.data() + (blocks.count - 1) * kPart.size();
  std::copy_n(ends, kPart.size(), part_starts_.begin() + 1);
  part_starts_.front() = 0;
  team.for_each(blocks.count, [&](int64_t block, int) {
    for (int64_t i = blocks.first(block); i < blocks.first(block) + blocks.size(block); ++i) {
      rows_[static_cast<size_t>(i)] = input_.rows.indices[RowGroups::entry(keys_[static_cast<size_t>(i)])];
    }
  });
  input_.parts = {.count = kPart.size(), .starts = part_starts_.data(), .rows = rows_.data(), .keys = keys_.data()};
}

// All entries name one row: there is nothing to sort.
bool SparseBatch::group_one_row() {
  const uint32_t* indices = input_.rows.indices;
  const int64_t count = input_.rows.entries();
  if (count == 0 || !std::all_of(indices, indices + count, [=](uint32_t row) { return row == indices[0]; })) {
    return false;
  }
  for (int64_t i = 0; i < count; ++i) {
    keys_[static_cast<size_t>(i)] = uint64_t{indices[0]} << 32 | static_cast<uint64_t>(i);
  }
  rows_[0] = indices[0];
  starts_[0] = 0;
  starts_[1] = count;
  input_.groups = {1, rows_.data(), starts_.data(), keys_.data()};
  return true;
}

// By a count of each row, which also says where groups begin.
void SparseBatch::group_by_counts(int64_t rows) {
  const RadixDigit row{32, bits_of(rows)};
  tally_rows<1>(row.bits);
  uint32_t* places = digits_.data();
  uint32_t* ends = places + row.size();
  int64_t groups = 0;
  uint32_t end = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const uint32_t place = end;
    end += places[r] + ends[r];
    places[r] = place;
    ends[r] = end;
    // Written over by the next row, unless this one has entries.
    rows_[static_cast<size_t>(groups)] = static_cast<uint32_t>(r);
    starts_[static_cast<size_t>(groups)] = place;
    groups += end != place;
  }
  starts_[static_cast<size_t>(groups)] = end;
  scatter_rows_from_ends(row, input_.rows.indices, end, places, keys_.data());
  input_.groups = {groups, rows_.data(), starts_.data(), keys_.data()};
}

void SparseBatch::group(Team& team, int64_t rows) {
  if (input_.groups.rows != nullptr) return;
  number_samples(team);
  if (group_one_row()) return;
  const int64_t count = input_.rows.entries();
  // Two threads sort no faster than one counts.
  const bool alone = team.size() <= 2 || key_blocks(team, count).count <= 1;
  if (alone && rows <= std::min(kRowsOfEntry * count, int64_t{1} << kMostRowBits)) return group_by_counts(rows);
  sort(team, rows);
  const Tiling blocks = key_blocks(team, count);
  const uint64_t* keys = keys_.data();
  const auto begins_group = [=](int64_t i) { return i == 0 || keys[i] >> 32 != keys[i - 1] >> 32; };
  // The groups of each block but the last one, then where those of each begin.
  const auto first_group = [&](int64_t block) -> int64_t& { return block_groups_[static_cast<size_t>(block)]; };
  team.for_each(blocks.count - 1, [&](int64_t block, int) {
    int64_t groups = 0;
    for (int64_t i = blocks.first(block); i < blocks.first(block) + blocks.size(block); ++i) groups += begins_group(i);
    first_group(block) = groups;
  });
  int64_t total = 0;
  for (int64_t block = 0; block < blocks.count; ++block) {
    const int64_t first = total;
    if (block + 1 < blocks.count) total += first_group(block);
    first_group(block) = first;
  }
  team.for_each(blocks.count, [&](int64_t block, int) {
    uint32_t* rows_of_groups = rows_.data();
    int64_t* starts = starts_.data();
    const bool is_last = block + 1 == blocks.count;
    const int64_t end = blocks.first(block) + blocks.size(block);
    const int64_t end_group = is_last ? count : first_group(block + 1);
    int64_t group = first_group(block);
    // No branch foresees where groups begin: every entry is written down, and the next one over it unless it began one.
    for (int64_t i = blocks.first(block); i < end && group < end_group; ++i) {
      rows_of_groups[group] = static_cast<uint32_t>(keys[i] >> 32);
      starts[group] = i;
      group += begins_group(i);
    }
    if (is_last) total = group;
  });
  starts_[static_cast<size_t>(total)] = count;
  input_.groups = {total, rows_.data(), starts_.data(), keys};
}

}  // namespace gradloom
