#include "layers/conv2d.h"

#include <algorithm>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/gemm.h"
#include "kernels/max_pool_lanes.h"
#include "layers/conv2d_blas.h"
#include "layers/conv2d_channels.h"
#include "layers/conv2d_depthwise.h"
#include "layers/conv2d_direct.h"
#include "layers/conv2d_grouped_channels.h"
#include "layers/conv2d_winograd.h"
#include "layers/conv2d_winograd_channels.h"
#include "layers/window_spec.h"

namespace gradloom {

Conv2d::Conv2d(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape),
      window_(read_window(spec, label(), "kernelSize", input_shape, WindowRounding::kDown)),
      filters_(spec.integer("filters", 1)),
      groups_(spec.integer("groups", 1)),
      has_bias_(spec.boolean("bias")),
      activation_(parse_activation(spec.string("activation"))),
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

int64_t Conv2d::flops() const { return 2 * taps_inside(window_) * channels_per_group() * filters_; }

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

template <class Use>
auto Conv2d::with_algorithm(int64_t batch, const Use& use) const {
  const Conv2dDefinition definition{window_,   input_shape().back(), filters_,   groups_,
                                    has_bias_, activation_,          trainable()};
  const bool depthwise = groups_ > 1 && channels_per_group() == 1 && filters_per_group() == 1;
  switch (kernel_for(batch)) {
    case Conv2dKernel::kDirect: return depthwise ? use(Conv2dDepthwise(definition)) : use(Conv2dDirect(definition));
    case Conv2dKernel::kWinograd: return use(Conv2dWinograd(definition));
    case Conv2dKernel::kDirectChannels: return use(Conv2dChannels(definition));
    case Conv2dKernel::kWinogradChannels: return use(Conv2dWinogradChannels(definition));
    case Conv2dKernel::kGroupedChannels: return use(Conv2dGroupedChannels(definition));
    default: return use(Conv2dBlas(definition));
  }
}

bool Conv2d::pools(int64_t batch, const Window2d& windows) const {
  return windows_lie_apart(windows) && taps_have_numbers(windows) &&
         with_algorithm(batch, [&](const Conv2dAlgorithm& algorithm) { return algorithm.pools(windows); });
}

LayerNeeds Conv2d::needs(const LayerSetting& setting) const {
  return with_algorithm(setting.batch, [&](const Conv2dAlgorithm& algorithm) {
    LayerNeeds needs = algorithm.needs(setting);
    const int64_t prepared = algorithm.prepared_floats(setting.batch);
    if (setting.phase == Phase::kPredicting) {
      needs.prepared = prepared;
    } else if (algorithm.prepares_in_training(setting.batch)) {
      needs.forward_scratch += prepared;
    }
    return needs;
  });
}

void Conv2d::prepare(Team& team, int64_t batch, std::span<const float* const> parameters, float* prepared) const {
  with_algorithm(batch, [&](const Conv2dAlgorithm& algorithm) { algorithm.prepare(team, parameters[0], prepared); });
}

void Conv2d::forward(const ForwardArguments& args) const {
  const int64_t batch = args.pass.batch;
  with_algorithm(batch, [&](const Conv2dAlgorithm& algorithm) {
    if (args.prepared != nullptr || !algorithm.prepares_in_training(batch)) {
      return algorithm.forward(args, args.prepared, args.scratch);
    }
    algorithm.prepare(args.pass.team, args.parameters[0], args.scratch);
    algorithm.forward(args, args.scratch, args.scratch + algorithm.prepared_floats(batch));
  });
}

void Conv2d::backward(const BackwardArguments& args) const {
  with_algorithm(args.pass.batch, [&](const Conv2dAlgorithm& algorithm) { algorithm.backward(args); });
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
