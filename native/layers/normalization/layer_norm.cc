#include "layers/normalization/layer_norm.h"

#include <algorithm>
#include <cmath>

#include "common/checked.h"
#include "common/error.h"

namespace gradloom {
namespace {

constexpr int64_t kFloatsOfDouble = sizeof(double) / sizeof(float);
constexpr int64_t kFloatsOfMoments = sizeof(RowMoments) / sizeof(float);

double read_epsilon(const Spec& spec, const std::string& label) {
  const double epsilon = spec.number("epsilon");
  if (epsilon > 0 && std::isfinite(epsilon)) return epsilon;
  throw Error("INVALID_SPEC", label + ": epsilon must be a finite number above 0, got " + std::to_string(epsilon));
}

}  // namespace

LayerNorm::LayerNorm(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape),
      epsilon_(read_epsilon(spec, label())),
      has_weight_(spec.boolean("scale")),
      has_bias_(spec.boolean("shift")) {
  const int64_t axes = spec.integer("axes", 1);
  if (axes > input_shape.rank()) {
    throw Error("SHAPE_MISMATCH", label() + ": axes " + std::to_string(axes) + " is more than samples of shape " +
                                      input_shape.to_string() + " have; use up to " +
                                      std::to_string(input_shape.rank()));
  }
  std::vector<int64_t> extents;
  for (int64_t axis = input_shape.rank() - axes; axis < input_shape.rank(); ++axis) {
    extents.push_back(input_shape[static_cast<int>(axis)]);
    columns_ *= extents.back();
  }
  const Shape shape(extents);
  const Fans fans{1, 1};
  const Initializer weight = read_initializer(spec, "weightInitializer", label(), fans);
  const Initializer bias = read_initializer(spec, "biasInitializer", label(), fans);
  if (has_weight_) add_parameter({"weight", shape, weight});
  if (has_bias_) add_parameter({"bias", shape, bias});
}

// A job of the parameters' sums is some rows by some columns. There are so few pieces of rows that the sums of all of
// them take no memory to speak of.
Tiling LayerNorm::column_tiles() const {
  constexpr int64_t kColumnsOfJob = 512;
  return cut(columns_, ceil_divide(columns_, kColumnsOfJob), 16);
}

Tiling LayerNorm::piece_tiles(int64_t batch) const {
  constexpr int64_t kMostPieces = 64;
  return cut(rows(batch), std::min(tile_rows(rows(batch), column_tiles().step).count, kMostPieces));
}

LayerNeeds LayerNorm::needs(const LayerSetting& setting) const {
  floats_of(input_shape(), setting.layout, setting.batch);  // throws when it is beyond any memory
  const int64_t moments = rows(setting.batch) * kFloatsOfMoments;
  const bool saves = runs_backward(setting.phase);
  const int64_t sums = checked_multiply(2 * piece_tiles(setting.batch).count, columns_) * kFloatsOfDouble;
  return {.kernel = "rows",
          .backward_reads_input = true,
          .saved = saves ? moments : 0,
          .forward_scratch = saves ? 0 : moments,
          .backward_scratch = trainable() && (has_weight_ || has_bias_) ? sums + columns_ : 0};
}

void LayerNorm::forward(const ForwardArguments& args) const {
  auto* moments = reinterpret_cast<RowMoments*>(runs_backward(args.pass.phase) ? args.saved : args.scratch);
  const float* bias = has_bias_ ? args.parameters[has_weight_ ? 1 : 0] : nullptr;
  const ColumnAffine affine{weight(args.parameters), bias};
  const Tiling tiles = tile_rows(rows(args.pass.batch), columns_);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    const float* x = args.x + first * columns_;
    row_moments(tiles.size(tile), columns_, epsilon_, x, moments + first);
    layer_norm(tiles.size(tile), columns_, moments + first, affine, x, args.y + first * columns_);
  });
}

void LayerNorm::backward(const BackwardArguments& args) const {
  const auto* moments = reinterpret_cast<const RowMoments*>(args.saved);
  if (args.dx != nullptr) {
    const Tiling tiles = tile_rows(rows(args.pass.batch), columns_);
    args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
      const int64_t first = tiles.first(tile);
      const int64_t offset = first * columns_;
      layer_norm_backward(tiles.size(tile), columns_, moments + first, weight(args.parameters), args.x + offset,
                          args.dy + offset, args.dx + offset);
    });
  }
  if (trainable() && (has_weight_ || has_bias_)) parameter_gradients(args, moments);
}

// Sums over pieces of the rows, which are then added in their order.
void LayerNorm::parameter_gradients(const BackwardArguments& args, const RowMoments* moments) const {
  const Tiling columns = column_tiles();
  const Tiling pieces = piece_tiles(args.pass.batch);
  auto* weight_sums = reinterpret_cast<double*>(args.scratch);
  double* bias_sums = weight_sums + pieces.count * columns_;
  args.pass.team.for_each(pieces.count * columns.count, [&](int64_t job, int) {
    const int64_t piece = job / columns.count;
    const int64_t column = columns.first(job % columns.count);
    const int64_t row = pieces.first(piece);
    const int64_t offset = row * columns_ + column;
    const int64_t sum = piece * columns_ + column;
    layer_norm_parameter_sums({pieces.size(piece), columns.size(job % columns.count), columns_}, moments + row,
                              args.x + offset, args.dy + offset, {weight_sums + sum, bias_sums + sum});
  });
  auto* scratch = reinterpret_cast<float*>(bias_sums + pieces.count * columns_);
  const auto hand_over = [&](int parameter, const double* sums) {
    float* gradient = args.gradients.target(parameter, 0, scratch);
    const Tiling tiles = tile_rows(columns_, pieces.count);
    args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
      for (int64_t c = tiles.first(tile); c < tiles.first(tile) + tiles.size(tile); ++c) {
        double sum = sums[c];
        for (int64_t piece = 1; piece < pieces.count; ++piece) sum += sums[piece * columns_ + c];
        gradient[c] = static_cast<float>(sum);
      }
      args.gradients.complete(parameter, tiles.first(tile), tiles.size(tile), gradient + tiles.first(tile));
    });
  };
  if (has_weight_) hand_over(0, weight_sums);
  if (has_bias_) hand_over(has_weight_ ? 1 : 0, bias_sums);
}

}  // namespace gradloom
