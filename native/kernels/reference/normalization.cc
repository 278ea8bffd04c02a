#include "kernels/reference/normalization.h"

#include <cmath>

namespace gradloom::reference {
namespace {

// Values i, i + step, ... of `values`, `count` of them.
struct Line {
  size_t first;
  size_t step;
  size_t count;

  size_t at(size_t i) const { return first + i * step; }
};

Line column(const NormalizationShape& shape, size_t c) {
  return {c, static_cast<size_t>(shape.columns), static_cast<size_t>(shape.rows)};
}

Line row(const NormalizationShape& shape, size_t r) {
  return {r * static_cast<size_t>(shape.columns), 1, static_cast<size_t>(shape.columns)};
}

struct MeanAndVariance {
  double mean;
  double variance;
};

MeanAndVariance moments_of(const Line& line, const std::vector<double>& x) {
  const auto count = static_cast<double>(line.count);
  double mean = 0;
  for (size_t i = 0; i < line.count; ++i) mean += x[line.at(i)] / count;
  double variance = 0;
  for (size_t i = 0; i < line.count; ++i) variance += std::pow(x[line.at(i)] - mean, 2) / count;
  return {mean, variance};
}

// The gradient of u = (x - mean) / sqrt(variance + epsilon) over one line, for the gradient du of u.
void differentiate_line(const Line& line, const MeanAndVariance& moments, double epsilon, const std::vector<double>& x,
                        const std::vector<double>& du, std::vector<double>& dx) {
  const double inverse = 1 / std::sqrt(moments.variance + epsilon);
  const auto count = static_cast<double>(line.count);
  double sum = 0;
  double product = 0;
  for (size_t i = 0; i < line.count; ++i) {
    sum += du[line.at(i)];
    product += du[line.at(i)] * (x[line.at(i)] - moments.mean) * inverse;
  }
  for (size_t i = 0; i < line.count; ++i) {
    const double u = (x[line.at(i)] - moments.mean) * inverse;
    dx[line.at(i)] = inverse * (du[line.at(i)] - sum / count - u * product / count);
  }
}

}  // namespace

Moments column_moments(const NormalizationShape& shape, const std::vector<double>& x) {
  Moments result;
  for (size_t c = 0; c < static_cast<size_t>(shape.columns); ++c) {
    const auto [mean, variance] = moments_of(column(shape, c), x);
    result.mean.push_back(mean);
    result.variance.push_back(variance);
  }
  return result;
}

std::vector<double> batch_norm(const NormalizationShape& shape, const Moments& moments, const std::vector<double>& x,
                               const std::vector<double>& weight, const std::vector<double>& bias) {
  std::vector<double> y(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const size_t c = i % static_cast<size_t>(shape.columns);
    y[i] = (x[i] - moments.mean[c]) / std::sqrt(moments.variance[c] + shape.epsilon) * weight[c] + bias[c];
  }
  return y;
}

NormalizationGradients batch_norm_backward(const NormalizationShape& shape, const Moments& moments, MomentsFrom from,
                                           const std::vector<double>& x, const std::vector<double>& weight,
                                           const std::vector<double>& dy) {
  const auto columns = static_cast<size_t>(shape.columns);
  NormalizationGradients result{std::vector<double>(x.size()), std::vector<double>(columns),
                                std::vector<double>(columns)};
  std::vector<double> du(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const size_t c = i % columns;
    const double inverse = 1 / std::sqrt(moments.variance[c] + shape.epsilon);
    du[i] = dy[i] * weight[c];
    result.dweight[c] += dy[i] * (x[i] - moments.mean[c]) * inverse;
    result.dbias[c] += dy[i];
    result.dx[i] = du[i] * inverse;
  }
  for (size_t c = 0; c < columns && from == MomentsFrom::kBatch; ++c) {
    differentiate_line(column(shape, c), {moments.mean[c], moments.variance[c]}, shape.epsilon, x, du, result.dx);
  }
  return result;
}

std::vector<double> layer_norm(const NormalizationShape& shape, const std::vector<double>& x,
                               const std::vector<double>& weight, const std::vector<double>& bias) {
  std::vector<double> y(x.size());
  for (size_t r = 0; r < static_cast<size_t>(shape.rows); ++r) {
    const Line line = row(shape, r);
    const auto [mean, variance] = moments_of(line, x);
    for (size_t c = 0; c < line.count; ++c) {
      y[line.at(c)] = (x[line.at(c)] - mean) / std::sqrt(variance + shape.epsilon) * weight[c] + bias[c];
    }
  }
  return y;
}

NormalizationGradients layer_norm_backward(const NormalizationShape& shape, const std::vector<double>& x,
                                           const std::vector<double>& weight, const std::vector<double>& dy) {
  const auto columns = static_cast<size_t>(shape.columns);
  NormalizationGradients result{std::vector<double>(x.size()), std::vector<double>(columns),
                                std::vector<double>(columns)};
  std::vector<double> du(x.size());
  for (size_t r = 0; r < static_cast<size_t>(shape.rows); ++r) {
    const Line line = row(shape, r);
    const MeanAndVariance moments = moments_of(line, x);
    const double inverse = 1 / std::sqrt(moments.variance + shape.epsilon);
    for (size_t c = 0; c < columns; ++c) {
      const size_t i = line.at(c);
      du[i] = dy[i] * weight[c];
      result.dweight[c] += dy[i] * (x[i] - moments.mean) * inverse;
      result.dbias[c] += dy[i];
    }
    differentiate_line(line, moments, shape.epsilon, x, du, result.dx);
  }
  return result;
}

}  // namespace gradloom::reference
