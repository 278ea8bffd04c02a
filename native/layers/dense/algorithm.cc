#include "layers/dense/algorithm.h"

#include <algorithm>

namespace gradloom {

void DenseAlgorithm::bias_gradient(const BackwardArguments& args, float* scratch) const {
  float* gradient = args.gradients.target(1, 0, scratch);
  std::fill_n(gradient, dense_.units, 0.0F);
  add_column_sums({args.pass.batch, dense_.units, dense_.units}, args.dy, gradient);
  args.gradients.complete(1, 0, dense_.units, gradient);
}

}  // namespace gradloom
