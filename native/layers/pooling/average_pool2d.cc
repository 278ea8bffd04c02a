#include "layers/pooling/average_pool2d.h"

#include "kernels/layout/lanes.h"
#include "kernels/tiling.h"
#include "layers/window_spec.h"

namespace gradloom {
namespace {

CountPadding parse_count_padding(const Spec& spec) {
  return spec.string("countPadding") == "include" ? CountPadding::kInclude : CountPadding::kExclude;
}

}  // namespace

AveragePool2d::AveragePool2d(const Spec& spec, const Shape& input_shape)
    : AveragePool2d(spec, input_shape, read_pooling_window(spec, input_shape), parse_count_padding(spec)) {
  set_output_shape({window_.output.height, window_.output.width, input_shape.back()});
}

AveragePool2d::AveragePool2d(const Spec& spec, const Shape& input_shape, const Window2d& window, CountPadding padding)
    : Layer(spec, input_shape), window_(window), count_padding_(padding) {}

LayerNeeds AveragePool2d::needs(const LayerSetting& setting) const { return {.kernel = layout_name(setting.layout)}; }

template <class Pool>
void AveragePool2d::for_each_image(const Pass& pass, Layout layout, Pool pool) const {
  const bool lanes = layout == Layout::kLanes;
  const int64_t channels = lanes ? kLanes : input_shape().back();
  const int64_t images = lanes ? lane_blocks(pass.batch) * input_shape().back() : pass.batch;
  const int64_t in_size = window_.input_pixels() * channels;
  const int64_t out_size = window_.output_pixels() * channels;
  const Tiling tiles = tile_rows(images, in_size);
  pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t image = tiles.first(tile); image < tiles.first(tile) + tiles.size(tile); ++image) {
      pool(channels, image * in_size, image * out_size);
    }
  });
}

void AveragePool2d::forward(const ForwardArguments& args) const {
  for_each_image(args.pass, args.layout, [&](int64_t channels, int64_t in, int64_t out) {
    average_pool(window_, count_padding_, channels, args.x + in, args.y + out);
  });
}

void AveragePool2d::backward(const BackwardArguments& args) const {
  if (args.dx == nullptr) return;
  for_each_image(args.pass, args.layout, [&](int64_t channels, int64_t in, int64_t out) {
    average_pool_backward(window_, count_padding_, channels, args.dy + out, args.dx + in);
  });
}

GlobalAveragePool2d::GlobalAveragePool2d(const Spec& spec, const Shape& input_shape)
    : AveragePool2d(spec, input_shape, global_window(spec, input_shape), CountPadding::kExclude) {
  set_output_shape({input_shape.back()});
}

}  // namespace gradloom
