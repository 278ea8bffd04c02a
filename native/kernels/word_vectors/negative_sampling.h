// The logistic loss of hidden vectors against a few rows of a table each: the first one was seen with it, the others
// were drawn at random (T. Mikolov et al., "Distributed representations of words and phrases", 2013).
//   B: pairs   K: drawn rows of a pair   D: units
#pragma once

#include <cstdint>

namespace gradloom {

struct NegativeSamplingTerms {
  int64_t pairs;        // B: rows of those behind [first, first + count) are prefetched
  int64_t negatives;    // K
  int64_t units;        // D
  const float* hidden;  // [B, D]
  const float* table;   // [., D], rows `stride` floats apart
  int64_t stride;
  const uint32_t* targets;  // [B, 1 + K], rows of the table
  float* factors;           // [B, 1 + K], written
  float* gradients;         // [B, D], written
};

// For the pairs p in [first, first + count) and their targets k, with z = hidden[p] . table[targets[p, k]]:
//   loss += softplus(-z) for k = 0, softplus(z) else
//   factors[p, k] = sigmoid(z) - (k = 0), the loss's derivative by z;  gradients[p] = sum of factors[p, k] table[...]
// Returns the loss.
double compare_with_targets(const NegativeSamplingTerms& terms, int64_t first, int64_t count);

}  // namespace gradloom
