#include "training/run/snapshot.h"

#include <algorithm>
#include <utility>

namespace gradloom {

std::vector<SavedTensor> TensorCopies::add_weights(const float* storage) {
  std::vector<SavedTensor> tensors;
  for (size_t p = 0; p < architecture_.parameters().size(); ++p) {
    const auto& parameter = architecture_.parameters()[p];
    tensors.push_back(add({Source::kWeights, static_cast<int>(p), storage, nullptr}, parameter.name, parameter.shape));
  }
  return tensors;
}

std::vector<SavedTensor> TensorCopies::add_states(Learner& learner) {
  std::vector<SavedTensor> tensors;
  for (size_t p = 0; p < architecture_.parameters().size(); ++p) {
    const int parameter = static_cast<int>(p);
    const Source source = learner.optimizer(parameter).granularity() == Granularity::kElement
                              ? Source::kStateLikeWeights
                              : Source::kState;
    for (size_t s = 0; s < learner.states(parameter).size(); ++s) {
      const StateSpec& state = learner.states(parameter)[s];
      tensors.push_back(add({source, parameter, learner.state(parameter, s), nullptr},
                            state_name(architecture_.parameters()[p], state), state.shape));
    }
  }
  return tensors;
}

SavedTensor TensorCopies::add(Copy copy, std::string name, const Shape& shape) {
  copy.values = std::make_shared<AlignedBuffer>(shape.size());
  copies_.push_back(copy);
  return {std::move(name), shape, std::move(copy.values)};
}

void TensorCopies::make(const Copy& copy) const {
  switch (copy.source) {
    case Source::kWeights: return architecture_.export_parameter(copy.parameter, copy.stored, copy.values->data());
    case Source::kStateLikeWeights:
      return architecture_.to_file_layout(copy.parameter, copy.stored, copy.values->data());
    case Source::kState: std::copy_n(copy.stored, copy.values->size(), copy.values->data());
  }
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
