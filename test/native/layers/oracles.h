// Every kind of layer by its equations, in double, for random shapes: what its gradients and kernels are held against.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/shape.h"
#include "common/spec.h"
#include "layers/layer.h"
#include "support/compare.h"
#include "support/layer_run.h"
#include "support/random_data.h"

namespace gradloom::test {

using Values = std::vector<double>;

struct OracleInputs {
  int64_t batch;
  std::vector<Values> x;           // of each input [batch, shape]
  std::vector<Values> parameters;  // as the layer keeps them, or as files have them
  Entries entries = {};            // in place of x, of layers that read ids or sparse samples
};

struct OracleGradients {
  std::vector<Values> x;
  std::vector<Values> parameters;  // of a statistic its next value; nothing for frozen ones
};

enum class Numbers { kIntegers, kNormal };

// One layer of one shape. Where the sums and products of integers are exact in float, no difference is allowed.
struct Oracle {
  Spec::Object spec;
  std::vector<Shape> inputs;
  int64_t batch;
  std::function<Values(const OracleInputs&)> forward;
  std::function<OracleGradients(const OracleInputs&, const Values& dy)> backward;
  Numbers numbers = Numbers::kIntegers;
  Tolerance outputs{};
  Tolerance gradients{};
  bool parameters_as_in_files = false;
  std::optional<Layout> offered = {};  // by the layer before, where that matters
};

// Tiny ones for central differences, which take an evaluation for every value.
enum class Sizes { kTiny, kAny };

int64_t random_batch(RandomData& random, Sizes sizes);
// Of any rank up to 3.
Shape random_samples(RandomData& random, Sizes sizes);

// By kind: a random shape with random options.
using MakeOracle = Oracle (*)(RandomData&, Sizes);
const std::map<std::string, MakeOracle>& oracles();

}  // namespace gradloom::test
