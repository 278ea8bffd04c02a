#include "training/step/gradient_clip.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/tiling.h"

namespace gradloom {
namespace {

double sum_of_squares(const float* values, int64_t count) {
  // Several sums side by side, in a fixed order, so that the compiler may use its vectors.
  constexpr int64_t kSums = 16;
  std::array<double, kSums> sums{};
  int64_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    for (int64_t j = 0; j < kSums; ++j) {
      const double value = values[i + j];
      sums[static_cast<size_t>(j)] += value * value;
    }
  }
  for (; i < count; ++i) sums[0] += static_cast<double>(values[i]) * values[i];
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

// NaN among the values gives NaN.
double largest(const float* values, int64_t count) {
  float most = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float value = std::fabs(values[i]);
    most = value > most || std::isnan(value) ? value : most;
    if (std::isnan(most)) break;
  }
  return most;
}

double larger(double a, double b) { return std::isnan(a) || a > b ? a : b; }

}  // namespace

GradientNorms::GradientNorms(const std::vector<int64_t>& sizes) : norms_(sizes.size()), factors_(sizes.size()) {
  for (size_t p = 0; p < sizes.size(); ++p) {
    const Tiling tiles = tile_rows(sizes[p], 1);
    for (int64_t tile = 0; tile < tiles.count; ++tile) pieces_.push_back({p, tiles.first(tile), tiles.size(tile)});
  }
  partial_.resize(pieces_.size());
}

const std::vector<double>& GradientNorms::compute(Team& team, const std::vector<const float*>& gradients,
                                                  GradientClip::Norm norm) {
  const bool maximum = norm == GradientClip::Norm::kMaximum;
  team.for_each(static_cast<int64_t>(pieces_.size()), [&](int64_t index, int) {
    const Piece& piece = pieces_[static_cast<size_t>(index)];
    const float* gradient = gradients[piece.parameter];
    double& partial = partial_[static_cast<size_t>(index)];
    partial = gradient == nullptr ? 0
              : maximum           ? largest(gradient + piece.first, piece.count)
                                  : sum_of_squares(gradient + piece.first, piece.count);
  });
  std::fill(norms_.begin(), norms_.end(), 0.0);
  for (size_t i = 0; i < pieces_.size(); ++i) {
    double& total = norms_[pieces_[i].parameter];
    total = maximum ? larger(partial_[i], total) : total + partial_[i];
  }
  if (!maximum) {
    for (double& total : norms_) total = std::sqrt(total);
  }
  return norms_;
}

const std::vector<double>& GradientNorms::factors(const GradientClip& clip) {
  const auto factor = [&](double norm) {
    return std::isfinite(norm) ? std::min(1.0, clip.limit / (norm + 1e-6)) : 0.0;
  };
  if (clip.kind == GradientClip::Kind::kGlobalNorm) {
    double all = 0;
    for (const double norm : norms_) {
      all = clip.norm == GradientClip::Norm::kMaximum ? larger(norm, all) : std::hypot(all, norm);
    }
    std::fill(factors_.begin(), factors_.end(), factor(all));
  } else {
    std::transform(norms_.begin(), norms_.end(), factors_.begin(), factor);
  }
  return factors_;
}

}  // namespace gradloom
