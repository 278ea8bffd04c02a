#include "support/sparse_samples.h"

#include "support/random_data.h"

namespace gradloom::test {

ArraySamples SparseSamples::view() const {
  ArrayDescription description;
  description.count = static_cast<int64_t>(classes.size());
  description.labels = {LabelArray::Type::kInt32, classes.data(), description.count, 1};
  description.scale.assign(1, 1.0F);
  description.shift.assign(1, 0.0F);
  description.inputs = {.type = InputArray::Type::kSparse,
                        .data = values.data(),
                        .length = static_cast<int64_t>(indices.size()),
                        .indices = indices.data(),
                        .offsets = offsets.data(),
                        .rows = description.count};
  return {description, {features}};
}

SparseSamples sparse_samples(int64_t count, int64_t features, uint64_t seed) {
  RandomData random(seed);
  SparseSamples samples{.features = features};
  for (int64_t n = 0; n < count; ++n) {
    for (int64_t i = random.pick({0, 1, 5, 40}); i > 0; --i) {
      const double u = random.unit();
      samples.indices.push_back(static_cast<uint32_t>(static_cast<double>(features - 1) * u * u * u));
    }
    samples.offsets.push_back(static_cast<uint32_t>(samples.indices.size()));
    samples.classes.push_back(static_cast<int32_t>(random.integer(0, 9)));
  }
  samples.values = random.normal(static_cast<int64_t>(samples.indices.size()));
  return samples;
}

}  // namespace gradloom::test
