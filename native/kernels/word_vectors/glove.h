// GloVe's step on cells of a co-occurrence matrix, one after another.
//   V: words   D: units of a vector   a row is [D + 1]: the vector, then the bias
#pragma once

#include <cstdint>

namespace gradloom {

struct GloveCell {
  uint32_t word;
  uint32_t context;
  float log_count;  // ln X
  float weight;     // f(X)
};

enum class GloveRule {
  kPaper,     // AdaGrad on all values: s += g^2; w -= rate g / sqrt(s)
  kStanford,  // as the authors' program: see below
};

struct GloveTables {
  float* words;  // [V, D + 1], updated, as all of them
  float* contexts;
  float* word_sums;  // accumulators of AdaGrad, above 0
  float* context_sums;
  int64_t units;  // D
};

// For each cell in order, with u, b of its word and c, d of its context:
//   e = u . c + b + d - ln X;  cost += f e^2 / 2;  gradients of u, c, b, d: f e c, f e u, f e, f e
// kStanford: g of the vectors is held within +-100 and multiplied by the rate, then
//   w -= g / sqrt(s);  s += g^2
// so the sum before divides and holds the rate, and the biases have no rate and no bounds. Returns the cost.
double train_glove_cells(GloveRule rule, float learning_rate, const GloveTables& tables, const GloveCell* cells,
                         int64_t count);

}  // namespace gradloom
