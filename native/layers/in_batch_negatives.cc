#include "layers/in_batch_negatives.h"

#include <algorithm>

#include "common/error.h"
#include "kernels/tiling.h"
#include "kernels/vectors.h"

namespace gradloom {

InBatchNegatives::InBatchNegatives(const Spec& spec, std::span<const Shape> input_shapes)
    : Layer(spec, input_shapes[0], {input_shapes.begin() + 1, input_shapes.end()}), count_(spec.integer("count", 1)) {
  if (input_shape().rank() != 1 || other_input_shapes().size() != 1 || other_input_shapes()[0] != input_shape()) {
    std::string got = input_shape().to_string();
    for (const Shape& shape : other_input_shapes()) got += " and " + shape.to_string();
    throw Error("SHAPE_MISMATCH", label() + ": takes two inputs of vectors of one length, [units], got " + got);
  }
  set_output_shape({1 + count_});
}

LayerNeeds InBatchNegatives::needs(const LayerSetting& /*setting*/) const {
  return {.kernel = "vector", .backward_reads_input = true};
}

bool InBatchNegatives::scores(const float* v, const Pass& pass, int64_t n, int64_t k) const {
  if (k == 0) return true;
  if (pass.phase != Phase::kTraining || k >= pass.batch) return false;
  const float* own = v + n * width();
  return !std::equal(own, own + width(), v + (n + k) % pass.batch * width());
}

void InBatchNegatives::forward(const ForwardArguments& args) const {
  const float* v = args.others[0];
  const Tiling tiles = tile_rows(args.pass.batch, (1 + count_) * width());
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t n = tiles.first(tile); n < tiles.first(tile) + tiles.size(tile); ++n) {
      for (int64_t k = 0; k <= count_; ++k) {
        float* y = args.y + n * (1 + count_) + k;
        *y = kNoScore;
        if (!scores(v, args.pass, n, k)) continue;
        dot_rows(args.x + n * width(), v + (n + k) % args.pass.batch * width(), 1, width(), y);
      }
    }
  });
}

void InBatchNegatives::backward(const BackwardArguments& args) const {
  const float* u = args.x;
  const float* v = args.others[0];
  float* du = args.dx;
  float* dv = args.other_gradients[0];
  const int64_t batch = args.pass.batch;
  const int64_t most = std::min(count_, batch - 1);
  const Tiling tiles = tile_rows(batch, 2 * (1 + most) * width());
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t n = tiles.first(tile); n < tiles.first(tile) + tiles.size(tile); ++n) {
      if (du != nullptr) std::fill_n(du + n * width(), width(), 0.0F);
      if (dv != nullptr) std::fill_n(dv + n * width(), width(), 0.0F);
      for (int64_t k = 0; k <= most; ++k) {
        if (du != nullptr && scores(v, args.pass, n, k)) {
          add_scaled(args.dy[n * (1 + count_) + k], v + (n + k) % batch * width(), width(), du + n * width());
        }
        const int64_t from = (n - k + batch) % batch;
        if (dv != nullptr && scores(v, args.pass, from, k)) {
          add_scaled(args.dy[from * (1 + count_) + k], u + from * width(), width(), dv + n * width());
        }
      }
    }
  });
}

}  // namespace gradloom
