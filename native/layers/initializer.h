// How the values of a parameter start. Layers resolve what their users name (glorotUniform, heNormal, ...) for their
// fans; training/network/initial_weights.cc draws the values.
#pragma once

#include <cstdint>
#include <string>

#include "common/shape.h"
#include "common/spec.h"

namespace gradloom {

struct Initializer {
  enum class Kind { kConstant, kUniform, kTruncatedNormal, kOrthogonal, kGiven };

  Kind kind = Kind::kConstant;
  // kConstant: the value. kUniform: values lie in +- this. kTruncatedNormal: the standard
  // deviation of the normal distribution before it is cut at two of them. kOrthogonal: the gain.
  double parameter = 0;
  // kGiven: the values in row-major order, null where a file's weights will stand for them, and their shape, of one
  // dimension for values in a row.
  Spec::Floats values = nullptr;
  Shape shape = {};

  bool zeros() const { return kind == Kind::kConstant && parameter == 0; }
};

// What a unit of the parameter reads and how many read it: the sizes by which initial values are scaled.
struct Fans {
  int64_t in;
  int64_t out;
};

// The initializer that the attribute `key` describes by its kind:
//   glorotUniform, glorotNormal   variance 2 / (in + out) (X. Glorot, Y. Bengio, AISTATS 2010)
//   heUniform, heNormal           variance 2 / in (K. He et al., ICCV 2015)
//   lecunUniform, lecunNormal     variance 1 / in (Y. LeCun et al., "Efficient BackProp", 1998)
//   orthogonal {gain}             rows or columns, whichever are fewer, orthonormal times the gain (A. Saxe et al.,
//   2014) truncatedNormal {standardDeviation}, zeros, constant {value}
//   given {shape, values}         the values; without them zeros, until those of a file are set
// The normal ones of the first three lines are cut at two standard deviations and keep the variance, as in Keras.
// Throws INVALID_SPEC, starting with `label`.
Initializer read_initializer(const Spec& spec, const std::string& key, const std::string& label, const Fans& fans);

}  // namespace gradloom
