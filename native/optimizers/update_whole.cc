#include "optimizers/update_whole.h"

#include <array>
#include <atomic>

#include "kernels/tiling.h"

namespace gradloom {

GradientCheck update_whole(Team& team, const Optimizer& optimizer, const UpdateArguments& args, size_t state_count) {
  if (optimizer.granularity() == Granularity::kParameter) {
    UpdateArguments whole = args;
    whole.team = &team;
    return optimizer.update(whole);
  }
  const int64_t rows = optimizer.granularity() == Granularity::kRow ? rows_of(args.shape) : args.count;
  const int64_t width = args.count / rows;
  const Tiling tiles = tile_rows(rows, width);
  std::atomic<bool> finite{true};
  team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    std::array<float*, kMostStates> states{};
    for (size_t i = 0; i < state_count; ++i) states.at(i) = args.states[i] + first;
    UpdateArguments piece = args;
    piece.count = tiles.size(tile) * width;
    piece.weight += first * width;
    piece.gradient += first * width;
    piece.states = states.data();
    piece.shape = {tiles.size(tile), width};
    if (optimizer.update(piece) == GradientCheck::kNotFinite) finite.store(false, std::memory_order_relaxed);
  });
  return finite.load(std::memory_order_relaxed) ? GradientCheck::kFinite : GradientCheck::kNotFinite;
}

}  // namespace gradloom
