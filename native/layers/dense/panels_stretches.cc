// The forward pass of a dense layer of many inputs and few units, whose sums are made in stretches of the inputs
// (split-K): each thread reads the features of its own and their weights, which it also updates, so that of a batch
// only sums travel from core to core.
#include "kernels/gemm/simd_gemm.h"
#include "kernels/vectors/vectors.h"
#include "layers/dense/panels.h"

namespace gradloom {

void DensePanels::forward_stretches(const ForwardArguments& args) const {
  Team& team = args.pass.team;
  const int64_t batch = args.pass.batch;
  const Panels panels{dense_.units};
  const InputStretches x = input_in(args.x, batch, args.x_stretches);
  const Tiling stretches = x.features;
  const EvenTiling rows = job_rows({batch, std::min(dense_.units, kPanelWidth), stretches.step},
                                   stretches.count * panels.count(), team.size());
  // One thread adds each stretch to those before, as it does below: the same sums.
  const bool apart = team.size() > 1;
  team.for_each(stretches.count * panels.count() * rows.count, [&](int64_t job, int) {
    const int64_t stretch = job / rows.count / panels.count();
    const int64_t panel = job / rows.count % panels.count();
    const int64_t row = rows.first(job % rows.count);
    const int64_t input = stretches.first(stretch);
    const int64_t width = panels.width(panel);
    float* const sums = apart && stretch > 0 ? args.scratch + (stretch - 1) * batch * dense_.units : args.y;
    simd_gemm({rows.size(job % rows.count), width, stretches.size(stretch)},
              {x.at(input) + row * x.stride(input), x.stride(input)},
              {args.parameters[0] + panels.first(panel) * dense_.inputs + input * width, width},
              apart || stretch == 0 ? Accumulate::kOverwrite : Accumulate::kAdd,
              sums + row * dense_.units + panels.first(panel), dense_.units);
  });
  const Tiling tiles = tile_rows(batch, dense_.units);
  team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile) * dense_.units;
    const int64_t count = tiles.size(tile) * dense_.units;
    float* const y = args.y + first;
    for (int64_t stretch = 1; apart && stretch < stretches.count; ++stretch) {
      sum(y, args.scratch + (stretch - 1) * batch * dense_.units + first, count, y);
    }
    add_bias_and_activate(dense_.activation, {tiles.size(tile), dense_.units, dense_.units},
                          dense_.has_bias ? args.parameters[1] : nullptr, y);
  });
}

}  // namespace gradloom
