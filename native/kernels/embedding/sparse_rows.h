// Sparse samples in compressed rows (CSR), and their entries by the row of a table that each names. Lists of ids are
// sparse samples too: an id is the row that it names, with the value 1.
//   N: samples of a batch   E: entries of all of them   R: rows of a table   D: floats of a row
#pragma once

#include <cstdint>

namespace gradloom {

struct SparseRows {
  int64_t count = 0;                  // N
  const int64_t* offsets = nullptr;   // [N + 1], from 0: sample n has the entries [offsets[n], offsets[n + 1])
  const uint32_t* indices = nullptr;  // [E], in any order, also repeated
  const float* values = nullptr;      // [E]; null: all 1

  int64_t entries() const { return offsets[count]; }
};

// The distinct rows that a batch names, ascending, each with its entries in order of position.
struct RowGroups {
  int64_t count = 0;
  const uint32_t* rows = nullptr;   // [count]
  const int64_t* starts = nullptr;  // [count + 1]: group g has the keys [starts[g], starts[g + 1])
  const uint64_t* keys = nullptr;   // [E], row << 32 | entry, ascending

  static uint32_t entry(uint64_t key) { return static_cast<uint32_t>(key); }
};

// How a step updates a row of a table that several entries of its batch name.
enum class Duplicates {
  kSum,         // once, by the sum of their gradients
  kSequential,  // by each of them, in order of position
  kHogwild,     // by each of them, as threads come to them; rows of several floats as by kSequential
};

// All entries of a batch in parts, one a job, for updates by each entry. A part's entries stand in order of position.
struct EntryParts {
  int64_t count = 0;
  const int64_t* starts = nullptr;  // [count + 1]: part p has the places [starts[p], starts[p + 1])
  const uint32_t* rows = nullptr;   // [E], by place
  const uint64_t* keys = nullptr;   // [E], the entry in the low half; null: place e has entry e
  bool hogwild = false;             // rows of one part may be those of others, too

  int64_t entry(int64_t place) const { return keys == nullptr ? place : RowGroups::entry(keys[place]); }
};

// Memory for what backward makes of the entries: 8 bytes each, and 2,048 counts for each block of them.
struct EntryRoom {
  uint64_t* entries = nullptr;
  uint32_t* counts = nullptr;
};

// What a layer reads in place of floats.
struct SparseInput {
  SparseRows rows;
  const uint32_t* samples = nullptr;  // [E], the sample of each entry
  // In backward only, one of the two: by Duplicates. Neither where no layer needs groups (LayerNeeds::sums_unsorted).
  RowGroups groups;
  EntryParts parts;
  EntryRoom room;
  // [E], in backward, to which layers add the gradient of each value; null when nobody needs it.
  float* value_gradients = nullptr;
};

}  // namespace gradloom
