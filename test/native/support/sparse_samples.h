// Lists of features with values, some empty, by a power law, with classes; the memory that ArraySamples only points to.
#pragma once

#include <cstdint>
#include <vector>

#include "datasets/array_samples.h"

namespace gradloom::test {

struct SparseSamples {
  std::vector<uint32_t> offsets = {0};
  std::vector<uint32_t> indices = {};
  std::vector<float> values = {};
  std::vector<int32_t> classes = {};
  int64_t features;

  ArraySamples view() const;
};

// Ten classes.
SparseSamples sparse_samples(int64_t count, int64_t features, uint64_t seed = 1);

}  // namespace gradloom::test
