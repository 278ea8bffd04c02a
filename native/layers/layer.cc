#include "layers/layer.h"

#include <algorithm>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/lanes.h"

namespace gradloom {

const char* layout_name(Layout layout) { return layout == Layout::kLanes ? "lanes" : "rows"; }

int64_t floats_of(const Shape& shape, Layout layout, int64_t batch) {
  return checked_multiply(layout == Layout::kLanes ? lane_blocks(batch) * kLanes : batch, shape.size());
}

Layer::Layer(const Spec& spec, const Shape& input_shape)
    : kind_(spec.string("kind")), name_(spec.string("name")), input_shape_(input_shape), output_shape_(input_shape) {
  if (input_shape.rank() == 0) {
    throw Error("SHAPE_MISMATCH", label() +
                                      ": takes samples of at least one dimension, got the shape []; a sample of " +
                                      "one value has shape [1]");
  }
}

void Layer::to_file_layout(int parameter, const float* stored, float* file) const {
  std::copy_n(stored, parameters_[static_cast<size_t>(parameter)].shape.size(), file);
}

void Layer::from_file_layout(int parameter, const float* file, float* stored) const {
  std::copy_n(file, parameters_[static_cast<size_t>(parameter)].shape.size(), stored);
}

}  // namespace gradloom
