#include "layers/tables/sparse_dense.h"

#include <algorithm>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/gemm/simd_gemm.h"
#include "layers/tables/pooled_gradient.h"
#include "layers/tables/table_spec.h"

namespace gradloom {

SparseDense::SparseDense(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape),
      inputs_(input_shape.size()),
      units_(spec.integer("units", 1)),
      has_bias_(spec.boolean("bias")),
      activation_(parse_activation(spec.string("activation"))) {
  check_table_rows(inputs_, label());
  if (input_shape.rank() != 1) {
    throw Error("SHAPE_MISMATCH",
                label() + ": takes sparse vectors of features, got samples of shape " + input_shape.to_string());
  }
  set_output_shape({units_});
  const Fans fans{inputs_, units_};
  add_parameter({.name = "weight",
                 .shape = {units_, inputs_},
                 .initializer = read_initializer(spec, "weightInitializer", label(), fans),
                 .row_width = units_,
                 .element = read_element(spec, label())});
  const Initializer bias = read_initializer(spec, "biasInitializer", label(), fans);
  if (has_bias_) add_parameter({"bias", {units_}, bias});
}

LayerNeeds SparseDense::needs(const LayerSetting& setting) const {
  return {.kernel = "gather",
          .backward_reads_output = activation_ != Activation::kLinear,
          .sums_unsorted = sums_unsorted(parameters()[0]),
          .backward_scratch = pooled_gradient_scratch(parameters()[0], setting.threads) + units_};
}

void SparseDense::forward(const ForwardArguments& args) const {
  const SparseRows& x = args.sparse->rows;
  const float* bias = has_bias_ ? args.parameters[1] : nullptr;
  const TableElements table = elements_of(parameters()[0], args.parameters[0]);
  const Tiling tiles = tile_bags(x, units_);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    pool_rows({Pooling::kSum}, x, table, units_, first, tiles.size(tile), args.y, nullptr);
    add_bias_and_activate(activation_, {tiles.size(tile), units_, units_}, bias, args.y + first * units_);
  });
}

void SparseDense::backward(const BackwardArguments& args) const {
  const Tiling tiles = tile_rows(args.pass.batch, units_);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile) * units_;
    activation_backward(activation_, {tiles.size(tile), units_, units_}, args.y + first, args.dy + first);
  });
  complete_value_gradients(args, {elements_of(parameters()[0], args.parameters[0]), units_});
  if (!trainable()) return;
  complete_pooled_gradient(args, {.parameter = 0, .spec = parameters()[0], .scratch = args.scratch + units_});
  if (!has_bias_) return;
  float* gradient = args.gradients.target(1, 0, args.scratch);
  std::fill_n(gradient, units_, 0.0F);
  add_column_sums({args.pass.batch, units_, units_}, args.dy, gradient);
  args.gradients.complete(1, 0, units_, gradient);
}

void SparseDense::to_file_layout(int parameter, const float* stored, float* file) const {
  if (parameter != 0) return Layer::to_file_layout(parameter, stored, file);
  transpose(inputs_, units_, stored, units_, file, inputs_);
}

void SparseDense::from_file_layout(int parameter, const float* file, float* stored) const {
  if (parameter != 0) return Layer::from_file_layout(parameter, file, stored);
  transpose(units_, inputs_, file, inputs_, stored, units_);
}

void SparseDense::widen_to_file_layout(int /*parameter*/, const Bfloat16* stored, float* file) const {
  for (int64_t row = 0; row < inputs_; ++row) {
    for (int64_t unit = 0; unit < units_; ++unit) file[unit * inputs_ + row] = widen(stored[row * units_ + unit]);
  }
}

void SparseDense::round_from_file_layout(int /*parameter*/, const float* file, Bfloat16* stored) const {
  for (int64_t row = 0; row < inputs_; ++row) {
    for (int64_t unit = 0; unit < units_; ++unit) {
      stored[row * units_ + unit] = round_to_nearest(file[unit * inputs_ + row]);
    }
  }
}

}  // namespace gradloom
