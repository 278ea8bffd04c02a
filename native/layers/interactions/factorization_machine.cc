#include "layers/interactions/factorization_machine.h"

#include "common/checked.h"
#include "kernels/tiling.h"
#include "kernels/vectors/interactions.h"

namespace gradloom {

FactorizationMachine::FactorizationMachine(const Spec& spec, const Shape& input_shape) : FieldLayer(spec, input_shape) {
  set_output_shape({1});
}

// The sum of each sample's vectors is kept for backward.
LayerNeeds FactorizationMachine::needs(const LayerSetting& setting) const {
  const bool keeps = runs_backward(setting.phase);
  return {.kernel = "vector",
          .backward_reads_input = true,
          .saved = keeps ? checked_multiply(setting.batch, width()) : 0,
          .forward_scratch = keeps ? 0 : checked_multiply(setting.threads, width())};
}

void FactorizationMachine::forward(const ForwardArguments& args) const {
  const bool keeps = runs_backward(args.pass.phase);
  const Tiling tiles = tile_rows(args.pass.batch, input_shape().size());
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int thread) {
    for (int64_t n = tiles.first(tile); n < tiles.first(tile) + tiles.size(tile); ++n) {
      float* sums = keeps ? args.saved + n * width() : args.scratch + thread * width();
      args.y[n] = sum_pair_dots(args.x + n * input_shape().size(), fields(), width(), sums);
    }
  });
}

void FactorizationMachine::backward(const BackwardArguments& args) const {
  if (args.dx == nullptr) return;
  const int64_t in = input_shape().size();
  const Tiling tiles = tile_rows(args.pass.batch, in);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t n = tiles.first(tile); n < tiles.first(tile) + tiles.size(tile); ++n) {
      sum_pair_dots_backward(args.x + n * in, args.saved + n * width(), args.dy[n], fields(), width(),
                             args.dx + n * in);
    }
  });
}

}  // namespace gradloom
