#include "layers/activation/input_activation.h"

#include "common/error.h"
#include "kernels/tiling.h"

namespace gradloom {
namespace {

InputActivation parse(const Spec& spec, const std::string& label) {
  const std::string& kind = spec.string("kind");
  if (kind == "silu") return InputActivation::kSilu;
  if (kind == "softplus") return InputActivation::kSoftplus;
  const std::string& approximate = spec.string("approximate");
  if (approximate == "none") return InputActivation::kGelu;
  if (approximate == "tanh") return InputActivation::kGeluTanh;
  throw Error("INVALID_SPEC", label + ": approximate must be \"none\" or \"tanh\", got \"" + approximate + "\"");
}

}  // namespace

InputActivationLayer::InputActivationLayer(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape), activation_(parse(spec, label())) {}

LayerNeeds InputActivationLayer::needs(const LayerSetting& /*setting*/) const {
  return {.kernel = "simd", .backward_reads_input = true};
}

void InputActivationLayer::forward(const ForwardArguments& args) const {
  const Tiling tiles = tile_rows(floats_of(output_shape(), args.layout, args.pass.batch), 1);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    input_activation(activation_, tiles.size(tile), args.x + first, args.y + first);
  });
}

void InputActivationLayer::backward(const BackwardArguments& args) const {
  if (args.dx == nullptr) return;
  const Tiling tiles = tile_rows(floats_of(output_shape(), args.layout, args.pass.batch), 1);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    input_activation_backward(activation_, tiles.size(tile), args.x + first, args.dy + first, args.dx + first);
  });
}

}  // namespace gradloom
