#include "layers/reshaping/resize2d.h"

#include "common/checked.h"
#include "common/error.h"
#include "kernels/layout/lanes.h"
#include "kernels/tiling.h"

namespace gradloom {

Resize2d::Resize2d(const Spec& spec, const Shape& input_shape) : Layer(spec, input_shape) {
  if (input_shape.rank() != 3) {
    throw Error("SHAPE_MISMATCH", label() + " takes images [height, width, channels], got " + input_shape.to_string());
  }
}

LayerNeeds Resize2d::needs(const LayerSetting& setting) const {
  return {.kernel = setting.layout == Layout::kLanes ? "lanes" : "rows"};
}

// Calls action(plane, offset of its input, offset of its output).
template <class Action>
void Resize2d::for_each_plane(const Pass& pass, Layout layout, Action action) const {
  const int64_t channels = input_shape().back();
  const bool lanes = layout == Layout::kLanes;
  const Plane plane{input_shape()[0], input_shape()[1], lanes ? kLanes : channels};
  const int64_t out = output_shape().size() / channels * plane.inner;
  const int64_t count = lanes ? lane_blocks(pass.batch) * channels : pass.batch;
  const Tiling tiles = tile_rows(count, out);
  pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t i = tiles.first(tile); i < tiles.first(tile) + tiles.size(tile); ++i) {
      action(plane, i * plane.size(), i * out);
    }
  });
}

void Resize2d::forward(const ForwardArguments& args) const {
  for_each_plane(args.pass, args.layout,
                 [&](const Plane& plane, int64_t in, int64_t out) { resize(plane, args.x + in, args.y + out); });
}

void Resize2d::backward(const BackwardArguments& args) const {
  if (args.dx == nullptr) return;
  for_each_plane(args.pass, args.layout, [&](const Plane& plane, int64_t in, int64_t out) {
    resize_backward(plane, args.dy + out, args.dx + in);
  });
}

ZeroPad2d::ZeroPad2d(const Spec& spec, const Shape& input_shape) : Resize2d(spec, input_shape) {
  const std::vector<int64_t> sides = spec.integers("padding", 0, 4);
  padding_ = {sides[0], sides[1], sides[2], sides[3]};
  set_output_shape({padding_.top + input_shape[0] + padding_.bottom, padding_.left + input_shape[1] + padding_.right,
                    input_shape[2]});
}

void ZeroPad2d::resize(const Plane& plane, const float* in, float* out) const { zero_pad(plane, padding_, in, out); }

void ZeroPad2d::resize_backward(const Plane& plane, const float* dout, float* din) const {
  zero_pad_backward(plane, padding_, dout, din);
}

Upsample2d::Upsample2d(const Spec& spec, const Shape& input_shape) : Resize2d(spec, input_shape) {
  const std::vector<int64_t> factor = spec.integers("size", 1, 2);
  factor_ = {factor[0], factor[1]};
  set_output_shape({checked_multiply(input_shape[0], factor_.height), checked_multiply(input_shape[1], factor_.width),
                    input_shape[2]});
}

void Upsample2d::resize(const Plane& plane, const float* in, float* out) const {
  upsample_nearest(plane, factor_, in, out);
}

void Upsample2d::resize_backward(const Plane& plane, const float* dout, float* din) const {
  upsample_nearest_backward(plane, factor_, dout, din);
}

}  // namespace gradloom
