#include "training/snapshot.h"

#include <utility>

namespace gradloom {

std::vector<SavedTensor> TensorCopies::add_weights(const float* storage) {
  std::vector<SavedTensor> tensors;
  for (size_t p = 0; p < architecture_.parameters().size(); ++p) {
    tensors.push_back(add(static_cast<int>(p), architecture_.parameters()[p].name, storage));
  }
  return tensors;
}

std::vector<SavedTensor> TensorCopies::add_states(Learner& learner) {
  std::vector<SavedTensor> tensors;
  for (size_t p = 0; p < architecture_.parameters().size(); ++p) {
    const auto& parameter = architecture_.parameters()[p];
    if (parameter.role != ParameterRole::kTrained) continue;
    for (size_t s = 0; s < learner.optimizer().states().size(); ++s) {
      tensors.push_back(
          add(static_cast<int>(p), state_name(parameter, learner.optimizer().states()[s]), learner.state(s)));
    }
  }
  return tensors;
}

SavedTensor TensorCopies::add(int parameter, std::string name, const float* storage) {
  const Shape& shape = architecture_.parameters()[static_cast<size_t>(parameter)].shape;
  auto values = std::make_shared<AlignedBuffer>(shape.size());
  copies_.push_back({parameter, storage, values});
  return {std::move(name), shape, std::move(values)};
}

void TensorCopies::make() {
  for (const Copy& copy : copies_) make(copy);
}

void TensorCopies::make(Team& team) {
  team.for_each(static_cast<int64_t>(copies_.size()),
                [&](int64_t index, int) { make(copies_[static_cast<size_t>(index)]); });
}

std::string state_name(const Architecture::Parameter& parameter, const StateSpec& state) {
  return parameter.name + "." + state.name;
}

}  // namespace gradloom
