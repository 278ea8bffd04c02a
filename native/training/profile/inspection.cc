#include "training/profile/inspection.h"

#include <algorithm>
#include <array>

namespace gradloom {
namespace {

std::vector<int64_t> sizes_of(const Learner& learner) {
  std::vector<int64_t> sizes;
  for (const auto& parameter : learner.network().architecture().parameters()) sizes.push_back(parameter.shape.size());
  return sizes;
}

}  // namespace

Inspection::Inspection(const Learner& learner)
    : norms_(sizes_of(learner)), before_(learner.network().architecture().weights_size()) {
  const std::vector<int64_t> sizes = sizes_of(learner);
  scratch_ = AlignedBuffer(sizes.empty() ? 0 : *std::max_element(sizes.begin(), sizes.end()));
  const auto& parameters = learner.network().architecture().parameters();
  for (size_t p = 0; p < parameters.size(); ++p) {
    if (parameters[p].role == ParameterRole::kTrained) figures_.push_back({.parameter = static_cast<int>(p)});
  }
}

std::vector<const float*> Inspection::pointers(const Learner& learner, const float* storage) const {
  const auto& parameters = learner.network().architecture().parameters();
  std::vector<const float*> all(parameters.size());
  for (const ParameterFigures& each : figures_) {
    const auto p = static_cast<size_t>(each.parameter);
    all[p] = storage + parameters[p].offset;
  }
  return all;
}

void Inspection::before_update(Team& team, Learner& learner, StepGradients& gradients) {
  const auto& parameters = learner.network().architecture().parameters();
  std::vector<const float*> of_parameters(parameters.size());
  for (const ParameterFigures& each : figures_) {
    const auto p = static_cast<size_t>(each.parameter);
    of_parameters[p] = gradients.values() + parameters[p].gradient_offset;
  }
  const auto of_gradients = norms_.compute(team, of_parameters, GradientClip::Norm::kEuclidean);
  for (ParameterFigures& each : figures_) each.gradient_norm = of_gradients[static_cast<size_t>(each.parameter)];
  const float* weights = learner.network().weights();
  const auto of_weights = norms_.compute(team, pointers(learner, weights), GradientClip::Norm::kEuclidean);
  for (ParameterFigures& each : figures_) each.weight_norm = of_weights[static_cast<size_t>(each.parameter)];
  std::copy_n(weights, before_.size(), before_.data());
}

void Inspection::after_update(Team& team, Learner& learner) {
  const auto& parameters = learner.network().architecture().parameters();
  const float* weights = learner.network().weights();
  for (int64_t i = 0; i < before_.size(); ++i) before_.data()[i] = weights[i] - before_.data()[i];
  const auto moved = norms_.compute(team, pointers(learner, before_.data()), GradientClip::Norm::kEuclidean);
  for (ParameterFigures& each : figures_) {
    const auto p = static_cast<size_t>(each.parameter);
    each.update_norm = moved[p];
    std::array<float*, kMostStates> states{};
    for (size_t i = 0; i < learner.states(each.parameter).size(); ++i) states.at(i) = learner.state(each.parameter, i);
    const int64_t count = parameters[p].shape.size();
    learner.optimizer(each.parameter)
        .effective_rates({.count = count,
                          .weight = nullptr,
                          .gradient = nullptr,
                          .states = states.data(),
                          .step = learner.steps + 1,
                          .learning_rate = learner.rate_of(each.parameter),
                          .weight_decay = learner.settings(each.parameter).weight_decay,
                          .shape = parameters[p].shape},
                         scratch_.data());
    const auto [smallest, largest] = std::minmax_element(scratch_.data(), scratch_.data() + count);
    each.smallest_rate = *smallest;
    each.largest_rate = *largest;
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += scratch_.data()[i];
    each.mean_rate = sum / static_cast<double>(count);
  }
}

}  // namespace gradloom
