// Batch and layer normalisation by their definitions, in double (layers/normalization/batch_norm.h and
// layers/normalization/layer_norm.h have the equations): the oracle of the tests. x, y: [rows][columns]. A batch is
// normalised column by column, a layer row by row; weight and bias have one value a column in both.
#pragma once

#include <cstdint>
#include <vector>

namespace gradloom::reference {

struct Moments {
  std::vector<double> mean;
  std::vector<double> variance;  // 1/M of the squares
};

struct NormalizationShape {
  int64_t rows;
  int64_t columns;
  double epsilon;
};

struct NormalizationGradients {
  std::vector<double> dx;
  std::vector<double> dweight;
  std::vector<double> dbias;
};

Moments column_moments(const NormalizationShape& shape, const std::vector<double>& x);

std::vector<double> batch_norm(const NormalizationShape& shape, const Moments& moments, const std::vector<double>& x,
                               const std::vector<double>& weight, const std::vector<double>& bias);

enum class MomentsFrom {
  kBatch,    // they follow x, and the gradient with them
  kRunning,  // they are constants
};
NormalizationGradients batch_norm_backward(const NormalizationShape& shape, const Moments& moments, MomentsFrom from,
                                           const std::vector<double>& x, const std::vector<double>& weight,
                                           const std::vector<double>& dy);

std::vector<double> layer_norm(const NormalizationShape& shape, const std::vector<double>& x,
                               const std::vector<double>& weight, const std::vector<double>& bias);

NormalizationGradients layer_norm_backward(const NormalizationShape& shape, const std::vector<double>& x,
                                           const std::vector<double>& weight, const std::vector<double>& dy);

}  // namespace gradloom::reference
