#include "layers/table_oracles.h"

#include <algorithm>

#include "kernels/reference/dense.h"
#include "kernels/reference/embedding.h"
#include "support/specs.h"

namespace gradloom::test {
namespace {

int64_t table_batch(RandomData& random, Sizes sizes) {
  return sizes == Sizes::kTiny ? random.pick({0, 1, 2, 3}) : random.pick({1, 2, 7, 16, 33});
}

int64_t random_extent(RandomData& random, Sizes sizes) {
  return sizes == Sizes::kTiny ? random.pick({1, 2, 3, 5}) : random.pick({1, 2, 7, 16, 33, 100, 385});
}

// Every entry alone.
Entries one_by_one(const Entries& entries) {
  Entries single{{0}, entries.indices};
  for (size_t e = 0; e < entries.indices.size(); ++e) single.offsets.push_back(static_cast<int64_t>(e) + 1);
  return single;
}

// Samples with all their zeros, [N, features].
Values spread(const Entries& entries, int64_t features) {
  Values x(static_cast<size_t>((static_cast<int64_t>(entries.offsets.size()) - 1) * features));
  for (size_t n = 0; n + 1 < entries.offsets.size(); ++n) {
    for (int64_t e = entries.offsets[n]; e < entries.offsets[n + 1]; ++e) {
      const auto at = static_cast<size_t>(e);
      x[n * static_cast<size_t>(features) + entries.indices[at]] += entries.values.empty() ? 1.0 : entries.values[at];
    }
  }
  return x;
}

// Ids and sparse samples have no gradient.
OracleGradients of_parameters(std::vector<Values> gradients) { return {{Values()}, std::move(gradients)}; }

}  // namespace

Oracle embedding_layer(RandomData& random, Sizes sizes) {
  const int64_t rows = random_extent(random, sizes);
  const int64_t units = random_extent(random, sizes);
  // The row of the padding id is read and yet has no gradient, which a central difference would see.
  const int64_t padding = sizes == Sizes::kTiny ? -1 : random.pick({int64_t{-1}, int64_t{0}, rows - 1});
  return {.spec = embedding({.rows = rows, .units = units, .padding_id = padding}),
          .inputs = {Shape{random.pick({1, 2, 5})}},
          .batch = table_batch(random, sizes),
          .forward =
              [=](const OracleInputs& given) {
                const Entries places = one_by_one(given.entries);
                return reference::pool_rows({Pooling::kSum}, places.view(), given.parameters[0], units);
              },
          .backward =
              [=](const OracleInputs& given, const Values& dy) {
                const Entries places = one_by_one(given.entries);
                return of_parameters({reference::pool_rows_backward({Pooling::kSum, padding}, places.view(),
                                                                    given.parameters[0], units, dy)});
              }};
}

Oracle embedding_bag_layer(RandomData& random, Sizes sizes) {
  const bool ids = random.integer(0, 1) == 0;
  const int64_t rows = random_extent(random, sizes);
  const int64_t units = random_extent(random, sizes);
  const Pooling pooling = random.pick({Pooling::kSum, Pooling::kMean, Pooling::kMax});
  const int64_t padding = random.pick({int64_t{-1}, int64_t{0}, rows - 1});
  const std::string name = pooling == Pooling::kSum ? "sum" : pooling == Pooling::kMean ? "mean" : "max";
  const BagRule rule{pooling, padding};
  Oracle oracle{.spec = embedding_bag({.units = units, .pooling = name, .rows = ids ? rows : 0, .padding_id = padding}),
                .inputs = {Shape{ids ? random.pick({1, 2, 5}) : rows}},
                .batch = table_batch(random, sizes),
                .forward =
                    [=](const OracleInputs& given) {
                      return reference::pool_rows(rule, given.entries.view(), given.parameters[0], units);
                    },
                .backward =
                    [=](const OracleInputs& given, const Values& dy) {
                      return of_parameters(
                          {reference::pool_rows_backward(rule, given.entries.view(), given.parameters[0], units, dy)});
                    }};
  if (pooling == Pooling::kMean) {
    oracle.outputs = {4 * kRoundoff, 4 * kRoundoff};
    oracle.gradients = {32 * kRoundoff, 256 * kRoundoff};
  }
  return oracle;
}

Oracle sparse_dense_layer(RandomData& random, Sizes sizes) {
  const int64_t features = random_extent(random, sizes);
  const int64_t units = random_extent(random, sizes);
  const auto of = [=](const OracleInputs& given) { return reference::DenseShape{given.batch, features, units}; };
  return {.spec = sparse_dense({.units = units, .bias = random.integer(0, 3) > 0}),
          .inputs = {Shape{features}},
          .batch = table_batch(random, sizes),
          .forward =
              [=](const OracleInputs& given) {
                const Values x = spread(given.entries, features);
                Values z(static_cast<size_t>(given.batch * units));
                reference::dense(of(given), x.data(), given.parameters[0].data(),
                                 given.parameters.size() > 1 ? given.parameters[1].data() : nullptr, z.data());
                return z;
              },
          .backward =
              [=](const OracleInputs& given, const Values& dz) {
                const Values x = spread(given.entries, features);
                Values dx(x.size());
                Values dweight(given.parameters[0].size());
                Values dbias(static_cast<size_t>(units));
                reference::dense_backward(of(given), x.data(), given.parameters[0].data(), dz.data(),
                                          {dx.data(), dweight.data(), dbias.data()});
                return given.parameters.size() > 1 ? of_parameters({dweight, dbias}) : of_parameters({dweight});
              },
          .parameters_as_in_files = true};
}

}  // namespace gradloom::test
