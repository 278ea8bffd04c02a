#include "training/network/initial_weights.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/error.h"
#include "common/random.h"

namespace gradloom {
namespace {

void fill_uniform(float limit, const RandomStream& random, std::span<float> values) {
  for (size_t i = 0; i < values.size(); i += 4) {
    const PhiloxBlock words = random.block(i / 4);
    for (size_t j = i; j < std::min(i + 4, values.size()); ++j) {
      values[j] = (2.0F * uniform_unit(words[j - i]) - 1.0F) * limit;
    }
  }
}

// Values beyond two standard deviations are drawn again, each element from words of its own: element i reads blocks
// i, i + n, i + 2 n, ..., two pairs of words a block. One pair in 22 is drawn in vain.
double truncated_normal(const RandomStream& random, uint64_t element, uint64_t count) {
  constexpr double kCut = 2;
  for (uint64_t block = element;; block += count) {
    const PhiloxBlock words = random.block(block);
    for (const size_t pair : {size_t{0}, size_t{2}}) {
      const double value = standard_normal(words[pair], words[pair + 1]);
      if (std::abs(value) <= kCut) return value;
    }
  }
}

// The fewer of rows and columns become orthonormal by modified Gram-Schmidt, twice over each vector, which is as good
// as Householder reflections (L. Giraud, J. Langou, 2002).
void fill_orthogonal(double gain, const RandomStream& random, int64_t rows, std::span<float> values) {
  const auto size = static_cast<int64_t>(values.size());
  const int64_t columns = size / rows;
  const int64_t count = std::min(rows, columns);
  const int64_t length = std::max(rows, columns);
  std::vector<double> vectors(values.size());
  for (int64_t i = 0; i < size; ++i) {
    const PhiloxBlock words = random.block(static_cast<uint64_t>(i));
    vectors[static_cast<size_t>(i)] = standard_normal(words[0], words[1]);
  }
  for (int64_t v = 0; v < count; ++v) {
    double* vector = vectors.data() + v * length;
    const auto remove = [&](const double* other) {
      double dot = 0;
      for (int64_t i = 0; i < length; ++i) dot += vector[i] * other[i];
      for (int64_t i = 0; i < length; ++i) vector[i] -= dot * other[i];
    };
    for (int round = 0; round < 2; ++round) {
      for (int64_t other = 0; other < v; ++other) remove(vectors.data() + other * length);
    }
    double square = 0;
    for (int64_t i = 0; i < length; ++i) square += vector[i] * vector[i];
    for (int64_t i = 0; i < length; ++i) vector[i] /= std::sqrt(square);
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      const int64_t from = rows <= columns ? r * length + c : c * length + r;
      values[static_cast<size_t>(r * columns + c)] = static_cast<float>(gain * vectors[static_cast<size_t>(from)]);
    }
  }
}

}  // namespace

void check_initializer(const ParameterSpec& parameter, const std::string& name) {
  const Initializer& initializer = parameter.initializer;
  if (initializer.kind != Initializer::Kind::kGiven) return;
  const Shape& given = initializer.shape;
  const bool fits = given == parameter.shape || (given.rank() == 1 && given.size() == parameter.shape.size());
  if (!fits) {
    throw Error("SHAPE_MISMATCH", name + " has shape " + parameter.shape.to_string() +
                                      ", its given initial values have shape " + given.to_string());
  }
  if (initializer.values != nullptr && static_cast<int64_t>(initializer.values->size()) != given.size()) {
    throw Error("INVALID_SPEC", name + ": " + std::to_string(initializer.values->size()) +
                                    " initial values are given for the shape " + given.to_string());
  }
}

void initialize(const ParameterSpec& parameter, uint64_t seed, uint32_t stream, std::span<float> values) {
  const RandomStream random(seed, RandomPurpose::kInitialWeights, stream, 0);
  const Spec::Floats& given = parameter.initializer.values;
  const double number = parameter.initializer.parameter;
  switch (parameter.initializer.kind) {
    case Initializer::Kind::kConstant: std::fill(values.begin(), values.end(), static_cast<float>(number)); break;
    case Initializer::Kind::kUniform: fill_uniform(static_cast<float>(number), random, values); break;
    case Initializer::Kind::kTruncatedNormal:
      for (size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>(number * truncated_normal(random, i, values.size()));
      }
      break;
    case Initializer::Kind::kOrthogonal: fill_orthogonal(number, random, parameter.shape[0], values); break;
    case Initializer::Kind::kGiven:
      if (given == nullptr) {
        std::fill(values.begin(), values.end(), 0.0F);
      } else {
        std::copy(given->begin(), given->end(), values.begin());
      }
      break;
  }
}

}  // namespace gradloom
