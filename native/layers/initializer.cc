#include "layers/initializer.h"

#include <cmath>

#include "common/error.h"

namespace gradloom {
namespace {

using Kind = Initializer::Kind;

// A uniform variable in +-limit has the variance limit^2 / 3.
Initializer uniform(double three_variances) { return {Kind::kUniform, std::sqrt(three_variances)}; }

// A standard normal variable that is cut at +-2 has this standard deviation.
constexpr double kTruncatedDeviation = 0.87962566103423978;

Initializer truncated_normal(double variance) {
  return {Kind::kTruncatedNormal, std::sqrt(variance) / kTruncatedDeviation};
}

double non_negative(const Spec& spec, const std::string& key, const std::string& label) {
  const double value = spec.number(key);
  if (!(value >= 0) || !std::isfinite(value)) {
    throw Error("INVALID_SPEC", label + ": " + key + " must be a finite number of at least 0");
  }
  return value;
}

}  // namespace

Initializer read_initializer(const Spec& spec, const std::string& key, const std::string& label, const Fans& fans) {
  const Spec& given = spec.object(key);
  const std::string& kind = given.string("kind");
  const auto in = static_cast<double>(fans.in);
  const double both = in + static_cast<double>(fans.out);
  if (kind == "zeros") return {Kind::kConstant, 0};
  if (kind == "constant") return {Kind::kConstant, given.number("value")};
  if (kind == "glorotUniform") return uniform(6 / both);
  if (kind == "glorotNormal") return truncated_normal(2 / both);
  if (kind == "heUniform") return uniform(6 / in);
  if (kind == "heNormal") return truncated_normal(2 / in);
  if (kind == "lecunUniform") return uniform(3 / in);
  if (kind == "lecunNormal") return truncated_normal(1 / in);
  if (kind == "truncatedNormal") {
    return {Kind::kTruncatedNormal, non_negative(given, "standardDeviation", label)};
  }
  if (kind == "orthogonal") return {Kind::kOrthogonal, non_negative(given, "gain", label)};
  if (kind == "given") {
    return {Kind::kGiven, 0, given.has("values") ? given.floats("values") : nullptr, Shape(given.integers("shape", 1))};
  }
  throw Error("INVALID_SPEC", label + ": " + key + " \"" + kind + "\" does not exist");
}

}  // namespace gradloom
