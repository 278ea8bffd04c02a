#include "layers/layer.h"

#include <algorithm>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/layout/lanes.h"

namespace gradloom {

const char* layout_name(Layout layout) { return layout == Layout::kLanes ? "lanes" : "rows"; }

ImageBlocks blocks_of(const Shape& image) {
  // A sample may be a single number.
  const int64_t channels = image.rank() == 0 ? 1 : image.back();
  return {image.size() / channels, channels};
}

int64_t floats_of(const Shape& shape, Layout layout, int64_t batch) {
  return checked_multiply(layout == Layout::kLanes ? lane_blocks(batch) * kLanes : batch, shape.size());
}

void GradientSink::complete_product(int parameter, int64_t first, DueProduct product, float* scratch) {
  product.c = target(parameter, first, scratch);
  product.make();
  complete(parameter, first, product.shape.rows * product.shape.columns, product.c);
}

Regularizer read_regularizer(const Spec& spec, const std::string& attribute) {
  if (!spec.has(attribute)) return {};
  const Spec& regularizer = spec.object(attribute);
  return {.l1 = static_cast<float>(regularizer.number("l1")), .l2 = static_cast<float>(regularizer.number("l2"))};
}

// Layers without parameters have no attribute "trainable".
Layer::Layer(const Spec& spec, const Shape& input_shape, std::vector<Shape> other_input_shapes)
    : kind_(spec.string("kind")),
      name_(spec.string("name")),
      trainable_(!spec.has("trainable") || spec.boolean("trainable")),
      input_shape_(input_shape),
      other_input_shapes_(std::move(other_input_shapes)),
      output_shape_(input_shape) {
  if (input_shape.rank() == 0) {
    throw Error("SHAPE_MISMATCH", label() +
                                      ": takes samples of at least one dimension, got the shape []; a sample of " +
                                      "one value has shape [1]");
  }
}

bool Layer::learns() const {
  return std::any_of(parameters_.begin(), parameters_.end(),
                     [](const ParameterSpec& parameter) { return parameter.role != ParameterRole::kFrozen; });
}

void Layer::add_parameter(ParameterSpec parameter) {
  if (!trainable_) parameter.role = ParameterRole::kFrozen;
  parameters_.push_back(std::move(parameter));
}

uint32_t Layer::random_stream() const {
  uint32_t hash = 2166136261U;
  for (const char c : name_) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash & 0xFFFFFFU;
}

void Layer::to_file_layout(int parameter, const float* stored, float* file) const {
  std::copy_n(stored, parameters_[static_cast<size_t>(parameter)].shape.size(), file);
}

void Layer::from_file_layout(int parameter, const float* file, float* stored) const {
  std::copy_n(file, parameters_[static_cast<size_t>(parameter)].shape.size(), stored);
}

void Layer::widen_to_file_layout(int parameter, const Bfloat16* stored, float* file) const {
  const int64_t size = parameters_[static_cast<size_t>(parameter)].shape.size();
  std::transform(stored, stored + size, file, [](Bfloat16 x) { return widen(x); });
}

void Layer::round_from_file_layout(int parameter, const float* file, Bfloat16* stored) const {
  std::transform(file, file + parameters_[static_cast<size_t>(parameter)].shape.size(), stored, round_to_nearest);
}

}  // namespace gradloom
