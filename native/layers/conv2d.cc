#include "layers/conv2d.h"

#include <algorithm>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/gemm.h"
#include "kernels/lanes.h"
#include "kernels/max_pool_lanes.h"
#include "layers/window_spec.h"

namespace gradloom {

Conv2d::Conv2d(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape),
      window_(read_window(spec, label(), "kernelSize", input_shape, WindowRounding::kDown)),
      filters_(spec.integer("filters", 1)),
      groups_(spec.integer("groups", 1)),
      has_bias_(spec.boolean("bias")),
      activation_(parse_activation(spec.string("activation"))),
      pointwise_(window_.pointwise()),
      kernel_(parse_conv2d_kernel(spec.string("kernel"), label(), window_, activation_)) {
  const int64_t channels = input_shape.back();
  if (channels % groups_ != 0 || filters_ % groups_ != 0) {
    throw Error("SHAPE_MISMATCH", label() + ": groups " + std::to_string(groups_) + " must divide the " +
                                      std::to_string(channels) + " input channels and the " + std::to_string(filters_) +
                                      " filters");
  }
  const int64_t row = checked_multiply(window_.taps(), channels_per_group());
  check_gemm_size(row);
  check_gemm_size(filters_);
  check_gemm_size(channels);
  set_output_shape({window_.output.height, window_.output.width, filters_});
  const Fans fans{row, checked_multiply(window_.taps(), filters_per_group())};
  add_parameter({.name = "weight",
                 .shape = {filters_, channels_per_group(), window_.window.height, window_.window.width},
                 .initializer = read_initializer(spec, "weightInitializer", label(), fans),
                 .regularizer = read_regularizer(spec, "weightRegularizer")});
  const Initializer bias = read_initializer(spec, "biasInitializer", label(), fans);
  if (has_bias_) add_parameter({"bias", {filters_}, bias});
}

int64_t Conv2d::flops() const {
  const Window2d& w = window_;
  const int64_t rows =
      taps_inside(w.input.height, w.output.height, w.window.height, w.stride.height, w.dilation.height, w.padding.top);
  const int64_t columns =
      taps_inside(w.input.width, w.output.width, w.window.width, w.stride.width, w.dilation.width, w.padding.left);
  return 2 * rows * columns * channels_per_group() * filters_;
}

Conv2dShape Conv2d::conv2d_shape() const {
  return {window_, channels_per_group(), filters_per_group(), activation_, groups_};
}

Conv2dKernel Conv2d::kernel_for(int64_t batch) const { return choose_conv2d(kernel_, conv2d_shape(), batch); }

namespace {

Layout layout_of(Conv2dKernel kernel) {
  return kernel == Conv2dKernel::kDirect || kernel == Conv2dKernel::kWinograd ? Layout::kLanes : Layout::kRows;
}

}  // namespace

Layout Conv2d::layout(int64_t batch, Layout /*offered*/) const { return layout_of(kernel_for(batch)); }

std::unique_ptr<Layer> Conv2d::by_kernel(std::optional<Conv2dKernel> kernel) const {
  if (!kernel.has_value()) return nullptr;
  auto layer = std::make_unique<Conv2d>(*this);
  layer->kernel_ = *kernel;
  return layer;
}

std::unique_ptr<Layer> Conv2d::in_rows(int64_t batch) const {
  return by_kernel(choose_conv2d_in_rows(kernel_, conv2d_shape(), batch));
}

std::unique_ptr<Layer> Conv2d::in_lanes(int64_t batch) const {
  return by_kernel(choose_conv2d_in_lanes(kernel_, conv2d_shape(), batch));
}

std::unique_ptr<Layer> Conv2d::without_gradient(int64_t batch, Phase phase) const {
  const auto wanted = phase == Phase::kPredicting ? WantedGradients::kNone : WantedGradients::kOfWeights;
  return by_kernel(choose_conv2d_without_gradient(kernel_, conv2d_shape(), batch, wanted));
}

Layer::PredictionWork Conv2d::prediction_work(int64_t batch) const {
  const Conv2dKernel kernel = choose_conv2d_to_predict(kernel_, conv2d_shape(), batch);
  return {static_cast<double>(flops()) * conv2d_prediction_time(kernel, conv2d_shape(), batch), layout_of(kernel)};
}

std::unique_ptr<Layer> Conv2d::activated(Activation activation) const {
  if (activation_ != Activation::kLinear) return nullptr;
  auto layer = std::make_unique<Conv2d>(*this);
  layer->activation_ = activation;
  return layer;
}

// Where a filter has few pixels for each of its weights, to scale these anew whenever they have changed takes longer
// than is saved.
std::unique_ptr<Layer> Conv2d::biased() const {
  constexpr int64_t kWeightsAPixel = 4;
  if (activation_ != Activation::kLinear || row_length() > kWeightsAPixel * window_.output_pixels()) return nullptr;
  auto layer = std::make_unique<Conv2d>(*this);
  layer->has_bias_ = true;
  return layer;
}

void Conv2d::rescale(Team& team, const float* weights, const double* scale, float* rescaled) const {
  const Tiling tiles = tile_rows(filters_, row_length());
  team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t k = tiles.first(tile); k < tiles.first(tile) + tiles.size(tile); ++k) {
      const auto factor = static_cast<float>(scale[k]);
      for (int64_t i = k * row_length(); i < (k + 1) * row_length(); ++i) rescaled[i] = factor * weights[i];
    }
  });
}

// Winograd's tiles of 4x4 or 2x2 pixels hold whole windows of 2x2, whose maxima are taken in registers; but not with
// dilation, when their pixels lie apart.
bool Conv2d::pools(int64_t batch, const Window2d& windows) const {
  if (!windows_lie_apart(windows) || !taps_have_numbers(windows)) return false;
  switch (kernel_for(batch)) {
    case Conv2dKernel::kDirect: return !by_products() && !by_planes();
    case Conv2dKernel::kWinograd:
      return activates_at_store() && windows.window.height == 2 && windows.window.width == 2 && !window_.dilated();
    default: return false;
  }
}

Window2d Conv2d::cropped(const Window2d& windows) {
  Window2d result = windows;
  result.input = {windows.output.height * windows.window.height, windows.output.width * windows.window.width};
  return result;
}

int64_t Conv2d::backward_pieces(int64_t batch, int64_t threads) const {
  // Of each thread, and as many more of what belongs to them: half of an L2 of 512 KiB.
  constexpr int64_t kFloats = 32 * 1024;
  const int64_t of_sample = std::max(output_shape().size(), input_shape().size());
  return ceil_divide(checked_multiply(batch, of_sample), kFloats * threads);
}

LayerNeeds Conv2d::needs(const LayerSetting& setting) const {
  LayerNeeds needs = needs_of_kernel(setting);
  const int64_t prepared = prepared_floats(setting.batch);
  if (setting.phase == Phase::kPredicting) {
    needs.prepared = prepared;
  } else if (!makes_filters_by_part(channels_shape(), setting.batch)) {
    needs.forward_scratch += prepared;
  }
  return needs;
}

LayerNeeds Conv2d::needs_of_kernel(const LayerSetting& setting) const {
  switch (kernel_for(setting.batch)) {
    case Conv2dKernel::kWinograd: return needs_winograd(setting);
    case Conv2dKernel::kDirect: return by_planes() ? needs_planes(setting) : needs_lanes(setting);
    case Conv2dKernel::kDirectChannels:
    case Conv2dKernel::kWinogradChannels: return needs_channels(setting);
    case Conv2dKernel::kGroupedChannels: return needs_grouped_channels();
    default: return needs_rows(setting);
  }
}

// Whole vectors, so that what follows in the scratch is aligned.
int64_t Conv2d::prepared_floats(int64_t batch) const {
  switch (kernel_for(batch)) {
    case Conv2dKernel::kWinograd:
      return checked_multiply(groups_, winograd_filter_floats(winograd_forward_shape(window_.output)));
    case Conv2dKernel::kDirectChannels:
    case Conv2dKernel::kWinogradChannels: return channels_filter_floats(channels_shape(), batch);
    case Conv2dKernel::kDirect: return packs_filters() ? round_up(weight_count(), kLanes) : 0;
    case Conv2dKernel::kGroupedChannels: return round_up(weight_count(), kLanes);
    default: return 0;
  }
}

void Conv2d::prepare(Team& team, int64_t batch, std::span<const float* const> parameters, float* prepared) const {
  switch (kernel_for(batch)) {
    case Conv2dKernel::kWinograd:
      return prepare_winograd(team, winograd_forward_shape(window_.output), parameters[0], prepared);
    case Conv2dKernel::kDirect: return prepare_lanes(team, parameters[0], prepared);
    case Conv2dKernel::kDirectChannels:
    case Conv2dKernel::kWinogradChannels:
      return prepare_channels(team, channels_shape(), channels_by_winograd(batch), PackedFor::kForward, parameters[0],
                              prepared);
    case Conv2dKernel::kGroupedChannels: return pack_grouped(team, GroupedPass::kForward, parameters[0], prepared);
    default: return;
  }
}

void Conv2d::forward(const ForwardArguments& args) const {
  const int64_t batch = args.pass.batch;
  const float* prepared = args.prepared;
  float* scratch = args.scratch;
  if (prepared == nullptr && !makes_filters_by_part(channels_shape(), batch)) {
    prepare(args.pass.team, batch, args.parameters, scratch);
    prepared = scratch;
    scratch += prepared_floats(batch);
  }
  switch (kernel_for(batch)) {
    case Conv2dKernel::kWinograd: return forward_winograd(args, prepared, scratch);
    case Conv2dKernel::kDirect:
      return by_planes() ? forward_planes(args, scratch) : forward_lanes(args, prepared, scratch);
    case Conv2dKernel::kDirectChannels:
    case Conv2dKernel::kWinogradChannels: return forward_channels(args, prepared, scratch);
    case Conv2dKernel::kGroupedChannels: return forward_grouped_channels(args, prepared, scratch);
    default: return forward_rows(args);
  }
}

void Conv2d::backward(const BackwardArguments& args) const {
  switch (kernel_for(args.pass.batch)) {
    case Conv2dKernel::kWinograd: return backward_winograd(args);
    case Conv2dKernel::kDirect: return by_planes() ? backward_planes(args) : backward_lanes(args);
    case Conv2dKernel::kDirectChannels: return backward_channels(args);
    case Conv2dKernel::kWinogradChannels: return backward_winograd_channels(args);
    case Conv2dKernel::kGroupedChannels: return backward_grouped_channels(args);
    default: return backward_rows(args);
  }
}

void Conv2d::to_file_layout(int parameter, const float* stored, float* file) const {
  if (parameter != 0) return Layer::to_file_layout(parameter, stored, file);
  const int64_t taps = window_.taps();
  const int64_t channels = channels_per_group();
  for (int64_t k = 0; k < filters_; ++k) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t c = 0; c < channels; ++c)
        file[(k * channels + c) * taps + tap] = stored[(k * taps + tap) * channels + c];
    }
  }
}

void Conv2d::from_file_layout(int parameter, const float* file, float* stored) const {
  if (parameter != 0) return Layer::from_file_layout(parameter, file, stored);
  const int64_t taps = window_.taps();
  const int64_t channels = channels_per_group();
  for (int64_t k = 0; k < filters_; ++k) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t c = 0; c < channels; ++c)
        stored[(k * taps + tap) * channels + c] = file[(k * channels + c) * taps + tap];
    }
  }
}

}  // namespace gradloom
