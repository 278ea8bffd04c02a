#include "layers/normalization/rescaled.h"

#include <array>
#include <utility>

#include "common/checked.h"
#include "kernels/layout/lanes.h"

namespace gradloom {

std::unique_ptr<Rescaled> Rescaled::of(const Layer& weighted, const Layer& scaling) {
  if (!scaling.scales_channels()) return nullptr;
  std::unique_ptr<Layer> biased = weighted.biased();
  if (biased == nullptr) return nullptr;
  return std::unique_ptr<Rescaled>(new Rescaled(weighted, scaling, std::move(biased)));
}

Rescaled::Rescaled(const Layer& weighted, const Layer& scaling, std::unique_ptr<Layer> biased)
    : Layer(weighted), weighted_(weighted), scaling_(scaling), biased_(std::move(biased)) {}

std::unique_ptr<Layer> Rescaled::activated(Activation activation) const {
  std::unique_ptr<Layer> biased = biased_->activated(activation);
  if (biased == nullptr) return nullptr;
  return std::unique_ptr<Layer>(new Rescaled(weighted_, scaling_, std::move(biased)));
}

int64_t Rescaled::weights() const { return round_up(weighted_.parameters().front().shape.size(), kLanes); }

int64_t Rescaled::rescaled_floats() const { return weights() + round_up(channels(), kLanes); }

LayerNeeds Rescaled::needs(const LayerSetting& setting) const {
  LayerNeeds needs = biased_->needs(setting);
  needs.prepared += rescaled_floats();
  return needs;
}

void Rescaled::prepare(Team& team, int64_t batch, std::span<const float* const> parameters, float* prepared) const {
  const size_t own = weighted_.parameters().size();
  const ChannelScales scales = scaling_.channel_scales(parameters.subspan(own));
  weighted_.rescale(team, parameters[0], scales.scale.data(), prepared);
  float* const biases = prepared + weights();
  for (int64_t c = 0; c < channels(); ++c) {
    const auto at = static_cast<size_t>(c);
    // They may nearly cancel.
    const double bias = (own > 1 ? parameters[1][c] : 0.0) - scales.centre[at];
    biases[c] = static_cast<float>(scales.scale[at] * bias + scales.shift[at]);
  }
  const std::array<const float*, 2> rescaled{prepared, biases};
  biased_->prepare(team, batch, rescaled, prepared + rescaled_floats());
}

void Rescaled::forward(const ForwardArguments& args) const {
  const std::array<const float*, 2> rescaled{args.prepared, args.prepared + weights()};
  ForwardArguments of_biased = args;
  of_biased.parameters = rescaled;
  of_biased.prepared = args.prepared + rescaled_floats();
  biased_->forward(of_biased);
}

// Never asked of a layer that predicts.
void Rescaled::backward(const BackwardArguments& /*args*/) const {}

}  // namespace gradloom
