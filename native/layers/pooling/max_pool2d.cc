#include "layers/pooling/max_pool2d.h"

#include <algorithm>
#include <limits>

#include "common/error.h"
#include "kernels/layout/lanes.h"
#include "kernels/pooling/max_pool.h"
#include "kernels/pooling/max_pool_lanes.h"
#include "kernels/tiling.h"
#include "layers/window_spec.h"

namespace gradloom {

MaxPool2d::MaxPool2d(const Spec& spec, const Shape& input_shape)
    : MaxPool2d(spec, input_shape, read_pooling_window(spec, input_shape)) {
  set_output_shape({window_.output.height, window_.output.width, input_shape.back()});
}

MaxPool2d::MaxPool2d(const Spec& spec, const Shape& input_shape, const Window2d& window)
    : Layer(spec, input_shape), window_(window) {
  if (window_.input_pixels() > std::numeric_limits<int32_t>::max()) {
    throw Error("SHAPE_TOO_LARGE", label() + ": the input " + input_shape.to_string() + " has over 2^31 - 1 pixels");
  }
}

Layout MaxPool2d::layout(int64_t /*batch*/, Layout offered) const {
  return taps_have_numbers(window_) ? offered : Layout::kRows;
}

LayerNeeds MaxPool2d::needs(const LayerSetting& setting) const {
  const int64_t winners = runs_backward(setting.phase) ? floats_of(output_shape(), setting.layout, setting.batch) : 0;
  if (setting.layout != Layout::kLanes) return {.kernel = "rows", .saved = winners};
  return {.kernel = "lanes", .saved = floats_of_winners(winners)};
}

// In rows a job is some rows of output pixels, in lanes some channels of a block of samples.
void MaxPool2d::forward(const ForwardArguments& args) const {
  float* const saved = runs_backward(args.pass.phase) ? args.saved : nullptr;
  if (args.layout == Layout::kLanes) {
    auto* const winners = reinterpret_cast<ArgmaxTap*>(saved);
    const int64_t in_plane = window_.input_pixels() * kLanes;
    const int64_t out_plane = window_.output_pixels() * kLanes;
    const int64_t planes = lane_blocks(args.pass.batch) * input_shape().back();
    const Tiling tiles = tile_rows(planes, in_plane);
    args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
      for (int64_t plane = tiles.first(tile); plane < tiles.first(tile) + tiles.size(tile); ++plane) {
        max_pool_lanes(window_, Winners::kOfAll, args.x + plane * in_plane, args.y + plane * out_plane,
                       winners == nullptr ? nullptr : winners + plane * out_plane);
      }
    });
    return;
  }
  static_assert(sizeof(int32_t) == sizeof(float));
  auto* const winners = reinterpret_cast<int32_t*>(saved);
  const int64_t height = window_.output.height;
  const Tiling tiles = tile_rows(args.pass.batch * height, ceil_divide(input_shape().size(), height));
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t last = tiles.first(tile) + tiles.size(tile);
    for (int64_t row = tiles.first(tile), count = 0; row < last; row += count) {
      const int64_t n = row / height;
      count = std::min(height - row % height, last - row);
      const int64_t out = n * output_shape().size();
      max_pool(window_, input_shape().back(), row % height, count, args.x + n * input_shape().size(), args.y + out,
               winners == nullptr ? nullptr : winners + out);
    }
  });
}

void MaxPool2d::backward(const BackwardArguments& args) const {
  if (args.dx == nullptr) return;
  if (args.layout == Layout::kLanes) {
    const auto* winners = reinterpret_cast<const ArgmaxTap*>(args.saved);
    const int64_t in_plane = window_.input_pixels() * kLanes;
    const int64_t out_plane = window_.output_pixels() * kLanes;
    const int64_t planes = lane_blocks(args.pass.batch) * input_shape().back();
    const Tiling tiles = tile_rows(planes, in_plane);
    args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
      for (int64_t plane = tiles.first(tile); plane < tiles.first(tile) + tiles.size(tile); ++plane) {
        max_pool_lanes_backward(window_, args.dy + plane * out_plane, winners + plane * out_plane,
                                args.dx + plane * in_plane);
      }
    });
    return;
  }
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

GlobalMaxPool2d::GlobalMaxPool2d(const Spec& spec, const Shape& input_shape)
    : MaxPool2d(spec, input_shape, global_window(spec, input_shape)) {
  set_output_shape({input_shape.back()});
}

}  // namespace gradloom
