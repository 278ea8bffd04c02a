#include "kernels/work_sizes.h"

#include <algorithm>

#include "common/parallel.h"
#include "kernels/layout/lanes.h"

namespace gradloom {

int choose_threads(int requested, int64_t flops) {
  constexpr int64_t kOneThread = 300'000;
  return flops < kOneThread ? 1 : resolve_threads(requested);
}

int choose_threads_of_steps(int requested, int64_t flops) {
  // From here on two threads may win; where they do not, the run finds out.
  constexpr int64_t kOneThread = 800'000;
  return flops < kOneThread ? 1 : resolve_threads(requested);
}

int choose_threads_of_call(int requested, int64_t flops_of_pass, int64_t flops_of_call) {
  // A team takes some 80 microseconds to begin.
  constexpr int64_t kOneThread = 20'000'000;
  return flops_of_call < kOneThread ? 1 : choose_threads(requested, flops_of_pass);
}

int choose_threads_of_standing(int requested, int64_t flops) {
  constexpr int64_t kOneThread = 800'000;
  return flops < kOneThread ? 1 : resolve_threads(requested);
}

// Weights that no cache holds are best read once for all samples.
bool worth_all_weights(int64_t samples, const PredictionShape& shape) {
  constexpr int64_t kMostWeights = int64_t{1} << 22;
  constexpr int64_t kFlopsPerWeight = 512;
  return shape.weights <= kMostWeights || samples * shape.flops >= kFlopsPerWeight * shape.weights;
}

int64_t samples_of_piece(int64_t count, int64_t batch, const PredictionShape& shape) {
  constexpr int64_t kFloatsInCache = 192 * 1024;
  constexpr int64_t kFewestFlops = 1'000'000;
  constexpr int64_t kFewestPieces = 2;
  const int64_t block = shape.in_rows ? 1 : kLanes;
  const int64_t most = std::min(batch, 4 * kLanes);
  const int64_t samples = std::max(std::min(kFloatsInCache / shape.largest_floats, most) / block, int64_t{1}) * block;
  const bool pays = samples * shape.flops >= kFewestFlops && worth_all_weights(samples, shape);
  return samples <= most && count >= kFewestPieces * samples && pays ? samples : 0;
}

int choose_threads_of_update(int requested, int64_t elements) {
  constexpr int64_t kOneThread = 20'000;
  return elements < kOneThread ? 1 : resolve_threads(requested);
}

int64_t rows_of_job(double flops_per_row) {
  constexpr double kFlopsPerJob = 4e5;
  return static_cast<int64_t>(std::min(kFlopsPerJob / flops_per_row, 1e9)) + 1;
}

EvenTiling tile_product_rows(int64_t rows, int64_t columns, int64_t depth) {
  const double flops_per_row = 2.0 * static_cast<double>(columns) * static_cast<double>(depth);
  return {rows, ceil_divide(rows, round_up(rows_of_job(flops_per_row), 6))};
}

EvenTiling tile_panel_rows(const ProductShape& shape, int64_t pieces, int64_t fewest) {
  const auto& [rows, columns, depth] = shape;
  const int64_t most = std::min(tile_product_rows(rows, columns, depth).count, ceil_divide(rows, fewest));
  return {rows, std::min(pieces, most)};
}

int64_t pixels_per_product(int64_t row_length) {
  constexpr int64_t kFloats = 96 * 1024;
  return std::clamp<int64_t>(kFloats / row_length, 48, 1024);
}

int64_t weight_gradient_parts(int64_t pixels, int64_t weights) {
  constexpr double kFlopsPerPart = 4e6;
  constexpr int64_t kMostFloats = int64_t{1} << 22;
  const double flops = 2.0 * static_cast<double>(pixels) * static_cast<double>(weights);
  const auto parts = static_cast<int64_t>(std::clamp(flops / kFlopsPerPart, 1.0, 16.0));
  return std::clamp<int64_t>(parts, 1, std::max<int64_t>(1, kMostFloats / weights));
}

}  // namespace gradloom
