#include "layers/reshaping/reshape.h"

#include <algorithm>

#include "common/checked.h"
#include "common/error.h"

namespace gradloom {

Reshape::Reshape(const Spec& spec, const Shape& input_shape) : Layer(spec, input_shape) {
  std::vector<int64_t> dims = spec.integers("shape", -1);
  int64_t known = 1;
  for (const int64_t dim : dims) known = dim == -1 ? known : checked_multiply(known, dim);
  const auto open = std::find(dims.begin(), dims.end(), -1);
  if (open != dims.end() && known > 0 && input_shape.size() % known == 0) *open = input_shape.size() / known;
  const bool fits = std::all_of(dims.begin(), dims.end(), [](int64_t dim) { return dim >= 1; });
  if (!fits || known * (open == dims.end() ? 1 : *open) != input_shape.size()) {
    std::string wanted;
    for (const int64_t dim : spec.integers("shape", -1)) wanted += (wanted.empty() ? "" : ", ") + std::to_string(dim);
    throw Error("SHAPE_MISMATCH", label() + ": the " + std::to_string(input_shape.size()) + " values of " +
                                      input_shape.to_string() + " do not fit the shape [" + wanted + "]");
  }
  set_output_shape(Shape(dims));
}

LayerNeeds Reshape::needs(const LayerSetting& /*setting*/) const { return {.kernel = "alias", .aliases_input = true}; }

void Reshape::forward(const ForwardArguments& /*args*/) const {}

void Reshape::backward(const BackwardArguments& /*args*/) const {}

}  // namespace gradloom
