#include "training/step/update_all.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>

#include "kernels/tiling.h"
#include "optimizers/update_whole.h"
#include "training/step/gradient_sinks.h"

namespace gradloom {
namespace {

bool all_finite(const float* values, int64_t count) {
  bool all = true;
  for (int64_t i = 0; i < count; ++i) all &= std::isfinite(values[i]);
  return all;
}

}  // namespace

UpdateAll::UpdateAll(const Learner& learner) {
  const auto& parameters = learner.network().architecture().parameters();
  std::vector<int64_t> sizes;
  int64_t largest = 0;
  for (const auto& parameter : parameters) {
    sizes.push_back(parameter.shape.size());
    if (parameter.row_width > 0) continue;
    const int number = static_cast<int>(sizes.size()) - 1;
    if (learner.optimizer(number).granularity() != Granularity::kElement) {
      largest = std::max(largest, parameter.shape.size());
    }
  }
  if (learner.clip().by_norm()) norms_ = std::make_unique<GradientNorms>(sizes);
  clipped_.resize(parameters.size());
  weight_ = AlignedBuffer(largest);
  gradient_ = AlignedBuffer(largest);
}

void UpdateAll::assign_statistics(Learner& learner, StepGradients& gradients) {
  for (const auto& parameter : learner.network().architecture().parameters()) {
    if (parameter.role != ParameterRole::kStatistic) continue;
    std::copy_n(gradients.values() + parameter.gradient_offset, parameter.shape.size(),
                learner.network().weights() + parameter.offset);
  }
}

void UpdateAll::regularize(Team& team, const Learner& learner, StepGradients& gradients) {
  const auto& parameters = learner.network().architecture().parameters();
  for (size_t p = 0; p < parameters.size(); ++p) {
    if (parameters[p].role != ParameterRole::kTrained || parameters[p].regularizer.none()) continue;
    const Tiling tiles = tile_rows(parameters[p].shape.size(), 1);
    team.for_each(tiles.count, [&](int64_t tile, int) {
      const int64_t first = tiles.first(tile);
      gradloom::regularize(learner, {static_cast<int>(p), first, tiles.size(tile)}, learner.network().weights(),
                           gradients.values() + parameters[p].gradient_offset + first);
    });
  }
}

int UpdateAll::find_not_finite(Team& team, const Learner& learner, StepGradients& gradients) {
  const auto& parameters = learner.network().architecture().parameters();
  const float* weights = learner.network().weights();
  // Backward comes from the last layer, so that is where it began.
  for (size_t p = parameters.size(); p-- > 0;) {
    if (parameters[p].row_width > 0) continue;
    const float* weight = weights + parameters[p].offset;
    const float* gradient = gradients.values() + parameters[p].gradient_offset;
    std::atomic<bool> finite{true};
    const Tiling tiles = tile_rows(parameters[p].shape.size(), 1);
    team.for_each(tiles.count, [&](int64_t tile, int) {
      const int64_t first = tiles.first(tile);
      const int64_t count = tiles.size(tile);
      if (all_finite(gradient + first, count) && all_finite(weight + first, count)) return;
      finite.store(false, std::memory_order_relaxed);
    });
    if (!finite.load(std::memory_order_relaxed)) return static_cast<int>(p);
  }
  return -1;
}

void UpdateAll::run(Team& team, Learner& learner, StepGradients& gradients) {
  const auto& parameters = learner.network().architecture().parameters();
  if (norms_) clip(team, learner, gradients);
  for (size_t p = 0; p < parameters.size(); ++p) {
    if (parameters[p].row_width > 0) continue;  // updated row by row
    const int parameter = static_cast<int>(p);
    float* gradient = gradients.values() + parameters[p].gradient_offset;
    if (parameters[p].role == ParameterRole::kFrozen) continue;
    if (parameters[p].role == ParameterRole::kStatistic) {
      if (!gradients.sums()) update_by_element(team, learner, parameter, gradient);
    } else if (learner.optimizer(parameter).granularity() == Granularity::kElement) {
      update_by_element(team, learner, parameter, gradient);
    } else {
      update_in_file_layout(team, learner, parameter, gradient);
    }
  }
}

void UpdateAll::clip(Team& team, const Learner& learner, StepGradients& gradients) {
  const auto& parameters = learner.network().architecture().parameters();
  for (size_t p = 0; p < parameters.size(); ++p) {
    const bool trained = parameters[p].role == ParameterRole::kTrained;
    clipped_[p] = trained ? gradients.values() + parameters[p].gradient_offset : nullptr;
  }
  norms_->compute(team, clipped_, learner.clip().norm);
  const std::vector<double>& factors = norms_->factors(learner.clip());
  for (size_t p = 0; p < parameters.size(); ++p) {
    if (clipped_[p] == nullptr || factors[p] == 1) continue;
    const auto factor = static_cast<float>(factors[p]);
    const Tiling tiles = tile_rows(parameters[p].shape.size(), 1);
    team.for_each(tiles.count, [&](int64_t tile, int) {
      float* gradient = gradients.values() + parameters[p].gradient_offset + tiles.first(tile);
      for (int64_t i = 0; i < tiles.size(tile); ++i) gradient[i] *= factor;
    });
  }
}

void UpdateAll::update_by_element(Team& team, Learner& learner, int parameter, float* gradient) {
  const auto& shape = learner.network().architecture().parameters()[static_cast<size_t>(parameter)].shape;
  const Tiling tiles = tile_rows(shape.size(), 1);
  const bool trained =
      learner.network().architecture().parameters()[static_cast<size_t>(parameter)].role == ParameterRole::kTrained;
  team.for_each(tiles.count, [&](int64_t tile, int) {
    const Stretch stretch{parameter, tiles.first(tile), tiles.size(tile)};
    if (trained) clip_by_value(learner, stretch.count, gradient + stretch.first);
    update_stretch(learner, stretch, gradient + stretch.first, learner.steps + 1);
  });
}

void UpdateAll::update_in_file_layout(Team& team, Learner& learner, int parameter, const float* gradient) {
  const Architecture& architecture = learner.network().architecture();
  const Architecture::Parameter& updated = architecture.parameters()[static_cast<size_t>(parameter)];
  const Shape& shape = updated.shape;
  float* stored = learner.network().weights() + updated.offset;
  architecture.to_file_layout(parameter, stored, weight_.data());
  architecture.to_file_layout(parameter, gradient, gradient_.data());
  clip_by_value(learner, shape.size(), gradient_.data());
  std::array<float*, kMostStates> states{};
  for (size_t i = 0; i < learner.states(parameter).size(); ++i) states.at(i) = learner.state(parameter, i);
  update_whole(team, learner.optimizer(parameter),
               {.count = shape.size(),
                .weight = weight_.data(),
                .gradient = gradient_.data(),
                .states = states.data(),
                .step = learner.steps + 1,
                .learning_rate = learner.rate_of(parameter),
                .weight_decay = learner.settings(parameter).weight_decay,
                .shape = shape},
               learner.states(parameter).size());
  architecture.from_file_layout(parameter, weight_.data(), stored);
}

}  // namespace gradloom
