#include "layers/max_pool2d.h"

#include <limits>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/max_pool.h"
#include "kernels/tiling.h"
#include "layers/window_spec.h"

namespace gradloom {
namespace {

WindowRounding parse_rounding(const Spec& spec) {
  return spec.string("rounding") == "up" ? WindowRounding::kUp : WindowRounding::kDown;
}

// Every window of one axis must hold at least one pixel of the image.
bool windows_reach_image(int64_t input, int64_t output, int64_t window, int64_t stride, int64_t dilation,
                         int64_t padding) {
  for (int64_t position = 0; position < output; ++position) {
    if (taps_inside(input, 1, window, stride, dilation, padding - position * stride) == 0) return false;
  }
  return true;
}

}  // namespace

MaxPool2d::MaxPool2d(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape), window_(read_window(spec, label(), "poolSize", input_shape, parse_rounding(spec))) {
  const Window2d& w = window_;
  if (!windows_reach_image(w.input.height, w.output.height, w.window.height, w.stride.height, w.dilation.height,
                           w.padding.top) ||
      !windows_reach_image(w.input.width, w.output.width, w.window.width, w.stride.width, w.dilation.width,
                           w.padding.left)) {
    throw Error("SHAPE_MISMATCH", label() + ": a window lies wholly in the padding, where there is no maximum; use a "
                                            "padding smaller than poolSize");
  }
  if (w.input_pixels() > std::numeric_limits<int32_t>::max()) {
    throw Error("SHAPE_TOO_LARGE", label() + ": the input " + input_shape.to_string() + " has over 2^31 - 1 pixels");
  }
  set_output_shape({w.output.height, w.output.width, input_shape.back()});
}

LayerNeeds MaxPool2d::needs(int64_t batch, Phase phase, int /*threads*/) const {
  return {.kernel = "direct",
          .saved = phase == Phase::kTraining ? checked_multiply(batch, output_shape().size()) : 0};
}

void MaxPool2d::forward(const ForwardArguments& args) const {
  static_assert(sizeof(int32_t) == sizeof(float));
  auto* winners = args.pass.phase == Phase::kTraining ? reinterpret_cast<int32_t*>(args.saved) : nullptr;
  const Tiling tiles = tile_rows(args.pass.batch, input_shape().size());
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t n = tiles.first(tile); n < tiles.first(tile) + tiles.size(tile); ++n) {
      const int64_t out = n * output_shape().size();
      max_pool(window_, input_shape().back(), args.x + n * input_shape().size(), args.y + out,
               winners == nullptr ? nullptr : winners + out);
    }
  });
}

void MaxPool2d::backward(const BackwardArguments& args) const {
  if (args.dx == nullptr) return;
  const auto* winners = reinterpret_cast<const int32_t*>(args.saved);
  const Tiling tiles = tile_rows(args.pass.batch, input_shape().size());
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t n = tiles.first(tile); n < tiles.first(tile) + tiles.size(tile); ++n) {
      const int64_t out = n * output_shape().size();
      max_pool_backward(window_, input_shape().back(), args.dy + out, winners + out,
                        args.dx + n * input_shape().size());
    }
  });
}

}  // namespace gradloom
