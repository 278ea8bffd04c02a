#include "layers/conv2d/conv2d.h"

#include <algorithm>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/gemm/gemm.h"
#include "kernels/layout/lanes.h"
#include "kernels/pooling/max_pool_lanes.h"
#include "kernels/tiling.h"
#include "layers/conv2d/blas.h"
#include "layers/conv2d/channels.h"
#include "layers/conv2d/depthwise.h"
#include "layers/conv2d/direct.h"
#include "layers/conv2d/grouped_channels.h"
#include "layers/conv2d/pixels.h"
#include "layers/conv2d/pointwise.h"
#include "layers/conv2d/winograd.h"
#include "layers/conv2d/winograd_channels.h"
#include "layers/window_spec.h"

namespace gradloom {

Conv2d::Conv2d(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape),
      conv_{.window = read_window(spec, label(), "kernelSize", input_shape, WindowRounding::kDown),
            .channels = input_shape.back(),
            .filters = spec.integer("filters", 1),
            .groups = spec.integer("groups", 1),
            .has_bias = spec.boolean("bias"),
            .activation = parse_activation(spec.string("activation")),
            .trainable = trainable()},
      kernel_(parse_conv2d_kernel(spec.string("kernel"), label(), conv_.window, conv_.activation)) {
  const int64_t channels = input_shape.back();
  if (channels % conv_.groups != 0 || conv_.filters % conv_.groups != 0) {
    throw Error("SHAPE_MISMATCH", label() + ": groups " + std::to_string(conv_.groups) + " must divide the " +
                                      std::to_string(channels) + " input channels and the " +
                                      std::to_string(conv_.filters) + " filters");
  }
  const int64_t row = checked_multiply(conv_.window.taps(), conv_.channels_per_group());
  check_gemm_size(row);
  check_gemm_size(conv_.filters);
  check_gemm_size(channels);
  set_output_shape({conv_.window.output.height, conv_.window.output.width, conv_.filters});
  const Fans fans{row, checked_multiply(conv_.window.taps(), conv_.filters_per_group())};
  add_parameter(
      {.name = "weight",
       .shape = {conv_.filters, conv_.channels_per_group(), conv_.window.window.height, conv_.window.window.width},
       .initializer = read_initializer(spec, "weightInitializer", label(), fans),
       .regularizer = read_regularizer(spec, "weightRegularizer")});
  const Initializer bias = read_initializer(spec, "biasInitializer", label(), fans);
  if (conv_.has_bias) add_parameter({"bias", {conv_.filters}, bias});
}

int64_t Conv2d::flops() const { return conv_.flops(); }

Conv2dShape Conv2d::conv2d_shape() const {
  return {conv_.window, conv_.channels_per_group(), conv_.filters_per_group(), conv_.activation, conv_.groups};
}

Conv2dKernel Conv2d::kernel_for(int64_t batch) const { return choose_conv2d(kernel_, conv2d_shape(), batch); }

template <class Use>
auto Conv2d::with_algorithm(Conv2dKernel kernel, const Use& use) const {
  switch (kernel) {
    case Conv2dKernel::kDirect:
      if (conv_.depthwise()) return use(Conv2dDepthwise(conv_));
      if (Conv2dPointwise::fits(conv_)) return use(Conv2dPointwise(conv_));
      return use(Conv2dDirect(conv_));
    case Conv2dKernel::kWinograd: return use(Conv2dWinograd(conv_));
    case Conv2dKernel::kDirectChannels: return use(Conv2dChannels(conv_));
    case Conv2dKernel::kDirectPixels: return use(Conv2dPixels(conv_));
    case Conv2dKernel::kWinogradChannels: return use(Conv2dWinogradChannels(conv_));
    case Conv2dKernel::kGroupedChannels: return use(Conv2dGroupedChannels(conv_));
    case Conv2dKernel::kBlas:
    case Conv2dKernel::kAuto: break;  // never chosen
  }
  return use(Conv2dBlas(conv_));
}

Layout Conv2d::layout(int64_t batch, Layout /*offered*/) const {
  return with_algorithm(kernel_for(batch), [](const Conv2dAlgorithm& algorithm) { return algorithm.layout(); });
}

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
  return {static_cast<double>(flops()) * conv2d_prediction_time(kernel, conv2d_shape(), batch),
          with_algorithm(kernel, [](const Conv2dAlgorithm& algorithm) { return algorithm.layout(); })};
}

std::unique_ptr<Layer> Conv2d::activated(Activation activation) const {
  if (conv_.activation != Activation::kLinear) return nullptr;
  auto layer = std::make_unique<Conv2d>(*this);
  layer->conv_.activation = activation;
  return layer;
}

// Where a filter has few pixels for each of its weights, to scale these anew whenever they have changed takes longer
// than is saved.
std::unique_ptr<Layer> Conv2d::biased() const {
  constexpr int64_t kWeightsAPixel = 4;
  if (conv_.activation != Activation::kLinear || conv_.row_length() > kWeightsAPixel * conv_.window.output_pixels())
    return nullptr;
  auto layer = std::make_unique<Conv2d>(*this);
  layer->conv_.has_bias = true;
  return layer;
}

void Conv2d::rescale(Team& team, const float* weights, const double* scale, float* rescaled) const {
  const Tiling tiles = tile_rows(conv_.filters, conv_.row_length());
  team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t k = tiles.first(tile); k < tiles.first(tile) + tiles.size(tile); ++k) {
      const auto factor = static_cast<float>(scale[k]);
      for (int64_t i = k * conv_.row_length(); i < (k + 1) * conv_.row_length(); ++i) rescaled[i] = factor * weights[i];
    }
  });
}

bool Conv2d::pools(int64_t batch, const Window2d& windows) const {
  return windows_lie_apart(windows) && taps_have_numbers(windows) &&
         with_algorithm(kernel_for(batch), [&](const Conv2dAlgorithm& algorithm) { return algorithm.pools(windows); });
}

LayerNeeds Conv2d::needs(const LayerSetting& setting) const {
  // Some algorithms' buffers do not grow with the batch, but numbers of planes and tiles do, which stay below this.
  checked_multiply(round_up(setting.batch, kLanes), std::max(conv_.input_floats(), conv_.output_floats()));
  return with_algorithm(kernel_for(setting.batch), [&](const Conv2dAlgorithm& algorithm) {
    LayerNeeds needs = algorithm.needs(setting);
    const int64_t prepared = algorithm.prepared_floats();
    if (setting.phase == Phase::kPredicting) {
      needs.prepared = prepared;
    } else if (algorithm.prepares_each_pass(setting.batch)) {
      needs.forward_scratch += prepared;
    }
    return needs;
  });
}

void Conv2d::prepare(Team& team, int64_t batch, std::span<const float* const> parameters, float* prepared) const {
  with_algorithm(kernel_for(batch),
                 [&](const Conv2dAlgorithm& algorithm) { algorithm.prepare(team, parameters[0], prepared); });
}

void Conv2d::forward(const ForwardArguments& args) const {
  const int64_t batch = args.pass.batch;
  with_algorithm(kernel_for(batch), [&](const Conv2dAlgorithm& algorithm) {
    if (args.prepared != nullptr || !algorithm.prepares_each_pass(batch)) {
      return algorithm.forward(args, args.prepared, args.scratch);
    }
    algorithm.prepare(args.pass.team, args.parameters[0], args.scratch);
    algorithm.forward(args, args.scratch, args.scratch + algorithm.prepared_floats());
  });
}

void Conv2d::backward(const BackwardArguments& args) const {
  with_algorithm(kernel_for(args.pass.batch), [&](const Conv2dAlgorithm& algorithm) { algorithm.backward(args); });
}

void Conv2d::to_file_layout(int parameter, const float* stored, float* file) const {
  if (parameter != 0) return Layer::to_file_layout(parameter, stored, file);
  const int64_t taps = conv_.window.taps();
  const int64_t channels = conv_.channels_per_group();
  for (int64_t k = 0; k < conv_.filters; ++k) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t c = 0; c < channels; ++c)
        file[(k * channels + c) * taps + tap] = stored[(k * taps + tap) * channels + c];
    }
  }
}

void Conv2d::from_file_layout(int parameter, const float* file, float* stored) const {
  if (parameter != 0) return Layer::from_file_layout(parameter, file, stored);
  const int64_t taps = conv_.window.taps();
  const int64_t channels = conv_.channels_per_group();
  for (int64_t k = 0; k < conv_.filters; ++k) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t c = 0; c < channels; ++c)
        stored[(k * taps + tap) * channels + c] = file[(k * channels + c) * taps + tap];
    }
  }
}

}  // namespace gradloom
