// Rows of floats rounded into rows of a table of bfloat16. Letters as in kernels/embedding/sparse_rows.h.
#pragma once

#include <cstdint>

#include "common/bfloat16.h"
#include "common/random.h"

namespace gradloom {

struct TouchedRows {
  const uint32_t* rows;  // [count], each once
  int64_t count;
  int64_t width;  // D
};

// table[rows[i], d] = x[i, d] rounded stochastically, by half d % 8 (the low half of a word first) of block
// rows[i] ceil(D / 8) + d / 8 of `random`, so that a bit depends on the row and the column alone.
void round_rows(const TouchedRows& touched, const float* x, const RandomStream& random, Bfloat16* table);

}  // namespace gradloom
