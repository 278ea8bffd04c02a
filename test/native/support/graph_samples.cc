#include "support/graph_samples.h"

#include <utility>

namespace gradloom::test {

ArraySamples GraphSamples::view(const uint32_t* rows, int64_t row_count) const {
  SetDescription set;
  set.count = rows == nullptr ? count : row_count;
  set.indices = rows;
  set.labels = {LabelArray::Type::kFloat32, targets.data(), static_cast<int64_t>(targets.size()), target_size};
  std::vector<InputColumn> inputs;
  for (const GraphColumn& column : columns) {
    InputArray array;
    if (!column.floats.empty()) {
      array = {.data = column.floats.data(), .length = static_cast<int64_t>(column.floats.size())};
    } else if (!column.ids.empty()) {
      array = {.type = InputArray::Type::kInt32,
               .data = column.ids.data(),
               .length = static_cast<int64_t>(column.ids.size())};
    } else {
      array = {.type = InputArray::Type::kSparse,
               .data = column.values.data(),
               .length = static_cast<int64_t>(column.features.size()),
               .indices = column.features.data(),
               .offsets = column.offsets.data(),
               .rows = count};
    }
    inputs.emplace_back(InputDescription{column.input.name, array, {1.0F}, {0.0F}}, column.input.shape);
  }
  return {set, std::move(inputs)};
}

std::vector<NetworkInput> GraphSamples::inputs() const {
  std::vector<NetworkInput> all;
  for (const GraphColumn& column : columns) all.push_back(column.input);
  return all;
}

GraphColumn float_column(const std::string& name, const Shape& shape, int64_t count, RandomData& random) {
  return {.input = {name, shape}, .floats = random.normal(count * shape.size())};
}

GraphColumn id_column(const std::string& name, int64_t length, int64_t rows, int64_t count, RandomData& random) {
  GraphColumn column{.input = {name, {length}}};
  for (int64_t i = 0; i < count * length; ++i) {
    column.ids.push_back(static_cast<int32_t>(random.pick({int64_t{0}, rows - 1, random.integer(0, rows - 1)})));
  }
  return column;
}

GraphColumn sparse_column(const std::string& name, int64_t features, int64_t count, RandomData& random) {
  GraphColumn column{.input = {name, {features}}, .offsets = {0}};
  for (int64_t n = 0; n < count; ++n) {
    for (int64_t i = random.pick({0, 1, 5, 9}); i > 0; --i) {
      column.features.push_back(static_cast<uint32_t>(random.pick({int64_t{0}, random.integer(0, features - 1)})));
    }
    column.offsets.push_back(static_cast<uint32_t>(column.features.size()));
  }
  column.values = random.normal(static_cast<int64_t>(column.features.size()));
  return column;
}

}  // namespace gradloom::test
