// A set of several inputs: floats, ids and sparse samples side by side, with targets of values.
#pragma once

#include <cstdint>
#include <vector>

#include "datasets/array_samples.h"
#include "support/random_data.h"
#include "training/network/network.h"

namespace gradloom::test {

// One input of all samples; one of the first three is filled.
struct GraphColumn {
  NetworkInput input;
  std::vector<float> floats = {};
  std::vector<int32_t> ids = {};
  std::vector<uint32_t> offsets = {};
  std::vector<uint32_t> features = {};
  std::vector<float> values = {};  // of the features
};

struct GraphSamples {
  int64_t count;
  std::vector<GraphColumn> columns = {};
  std::vector<float> targets = {};
  int64_t target_size = 1;

  ArraySamples view(const uint32_t* rows = nullptr, int64_t row_count = 0) const;
  std::vector<NetworkInput> inputs() const;
};

GraphColumn float_column(const std::string& name, const Shape& shape, int64_t count, RandomData& random);
// The first and the last row among them.
GraphColumn id_column(const std::string& name, int64_t length, int64_t rows, int64_t count, RandomData& random);
// Some samples empty, with repeated features.
GraphColumn sparse_column(const std::string& name, int64_t features, int64_t count, RandomData& random);

}  // namespace gradloom::test
