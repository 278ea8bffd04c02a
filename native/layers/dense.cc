#include "layers/dense.h"

#include <algorithm>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/choice.h"
#include "kernels/gemm.h"

namespace gradloom {

Dense::Dense(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape),
      inputs_(input_shape.size()),
      units_(spec.integer("units", 1)),
      has_bias_(spec.boolean("bias")),
      activation_(parse_activation(spec.string("activation"))) {
  if (input_shape.rank() != 1) {
    throw Error("SHAPE_MISMATCH", label() + ": takes vectors of features, got samples of shape " +
                                      input_shape.to_string() + "; put a flatten() before it");
  }
  check_dense_kernel(spec.string("kernel"), label());
  check_gemm_size(inputs_);
  check_gemm_size(units_);
  set_output_shape({units_});
  const Fans fans{inputs_, units_};
  add_parameter({"weight", {units_, inputs_}, read_initializer(spec, "weightInitializer", label(), fans)});
  const Initializer bias = read_initializer(spec, "biasInitializer", label(), fans);
  if (has_bias_) add_parameter({"bias", {units_}, bias});
}

LayerNeeds Dense::needs(const LayerSetting& setting) const {
  check_gemm_size(setting.batch);
  return {.kernel = "blas",
          .backward_reads_input = true,
          .backward_reads_output = activation_ != Activation::kLinear,
          .backward_scratch = checked_multiply(units_, inputs_ + 1)};
}

void Dense::forward(const ForwardArguments& args) const {
  const float* weight = args.parameters[0];
  const float* bias = has_bias_ ? args.parameters[1] : nullptr;
  // Softmax and its logarithm need whole rows, so they cannot follow a tile of columns.
  const bool whole_rows = activation_.spans_row();
  ProductTiling tiles = tile_product(args.pass.batch, units_, inputs_);
  if (whole_rows) tiles.columns = cut(units_, 1);
  args.pass.team.for_each(tiles.count(), [&](int64_t tile, int) {
    const int64_t row = tiles.rows.first(tile / tiles.columns.count);
    const int64_t column = tiles.columns.first(tile % tiles.columns.count);
    const int64_t rows = tiles.rows.size(tile / tiles.columns.count);
    const int64_t columns = tiles.columns.size(tile % tiles.columns.count);
    float* y = args.y + row * units_ + column;
    gemm({rows, columns, inputs_}, {args.x + row * inputs_, inputs_},
         {weight + column * inputs_, inputs_, Transpose::kYes}, Accumulate::kOverwrite, y, units_);
    add_bias_and_activate(activation_, {rows, columns, units_}, bias == nullptr ? nullptr : bias + column, y);
  });
}

void Dense::backward(const BackwardArguments& args) const {
  if (activation_ != Activation::kLinear) {
    const Tiling tiles = tile_rows(args.pass.batch, units_);
    args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
      const int64_t first = tiles.first(tile) * units_;
      activation_backward(activation_, {tiles.size(tile), units_, units_}, args.y + first, args.dy + first);
    });
  }
  if (args.dx != nullptr) input_gradient(args);
  parameter_gradients(args);
}

void Dense::input_gradient(const BackwardArguments& args) const {
  const ProductTiling tiles = tile_product(args.pass.batch, inputs_, units_);
  args.pass.team.for_each(tiles.count(), [&](int64_t tile, int) {
    const int64_t row = tiles.rows.first(tile / tiles.columns.count);
    const int64_t column = tiles.columns.first(tile % tiles.columns.count);
    gemm({tiles.rows.size(tile / tiles.columns.count), tiles.columns.size(tile % tiles.columns.count), units_},
         {args.dy + row * units_, units_}, {args.parameters[0] + column, inputs_}, Accumulate::kOverwrite,
         args.dx + row * inputs_ + column, inputs_);
  });
}

void Dense::parameter_gradients(const BackwardArguments& args) const {
  const ProductTiling tiles = tile_product(units_, inputs_, args.pass.batch);
  // One more job than tiles: the bias.
  args.pass.team.for_each(tiles.count() + (has_bias_ ? 1 : 0), [&](int64_t tile, int) {
    if (tile == tiles.count()) {
      float* gradient = args.gradients.target(1, 0, args.scratch + units_ * inputs_);
      std::fill_n(gradient, units_, 0.0F);
      add_column_sums({args.pass.batch, units_, units_}, args.dy, gradient);
      args.gradients.complete(1, 0, units_, gradient);
      return;
    }
    const int64_t row = tiles.rows.first(tile / tiles.columns.count);
    const int64_t column = tiles.columns.first(tile % tiles.columns.count);
    const int64_t rows = tiles.rows.size(tile / tiles.columns.count);
    const int64_t columns = tiles.columns.size(tile % tiles.columns.count);
    const int64_t first = row * inputs_ + column;
    float* gradient = args.gradients.target(0, first, args.scratch + first);
    gemm({rows, columns, args.pass.batch}, {args.dy + row, units_, Transpose::kYes}, {args.x + column, inputs_},
         Accumulate::kOverwrite, gradient, inputs_);
    if (columns == inputs_) {
      args.gradients.complete(0, first, rows * inputs_, gradient);
    } else {
      for (int64_t r = 0; r < rows; ++r) {
        args.gradients.complete(0, first + r * inputs_, columns, gradient + r * inputs_);
      }
    }
  });
}

}  // namespace gradloom
