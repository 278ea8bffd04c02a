#include "layers/oracles.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/reference/activation.h"
#include "kernels/reference/convolution.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/input_activation.h"
#include "kernels/reference/interactions.h"
#include "kernels/reference/normalization.h"
#include "kernels/reference/pooling.h"
#include "kernels/reference/resize2d.h"
#include "layers/merging_oracles.h"
#include "layers/registry.h"
#include "layers/table_oracles.h"
#include "support/layer_run.h"
#include "support/specs.h"
#include "support/windows.h"

namespace gradloom::test {
namespace {

Shape random_vector(RandomData& random, Sizes sizes) {
  return {sizes == Sizes::kTiny ? random.pick({1, 2, 3, 5}) : random.pick({1, 2, 3, 7, 15, 16, 17, 33, 65, 130})};
}

Shape random_image(RandomData& random, Sizes sizes) {
  if (sizes == Sizes::kTiny) return {random.pick({1, 2, 3}), random.pick({1, 2, 4}), random.pick({1, 2, 3})};
  return {random.pick({1, 2, 3, 5, 7}), random.pick({1, 2, 4, 5, 9}), random.pick({1, 2, 3, 7, 16, 17, 33})};
}

}  // namespace

int64_t random_batch(RandomData& random, Sizes sizes) {
  return sizes == Sizes::kTiny ? random.pick({0, 1, 2, 3}) : random.pick({1, 2, 7, 15, 16, 17, 33});
}

Shape random_samples(RandomData& random, Sizes sizes) {
  const int64_t rank = random.integer(1, 3);
  if (rank == 1) return random_vector(random, sizes);
  const Shape image = random_image(random, sizes);
  return rank == 3 ? image : Shape{image[1], image[2]};
}

namespace {

// What float's rounding may add to a few operations on values of size 1.
constexpr Tolerance kTranscendental{16 * kRoundoff, 16 * kRoundoff};
constexpr Tolerance kTranscendentalGradient{32 * kRoundoff, 256 * kRoundoff};

// One input of `shape`, whose gradient depends on what it was.
struct OfOneInput {
  std::function<void(const double* x, double* y)> forward;  // of one sample
  std::function<void(const double* x, const double* dy, double* dx)> backward;
};

// A layer without parameters that takes sample by sample.
Oracle by_sample(Spec::Object spec, const Shape& shape, int64_t batch, const OfOneInput& one) {
  Oracle oracle{.spec = std::move(spec), .inputs = {shape}, .batch = batch, .forward = {}, .backward = {}};
  const int64_t in = shape.size();
  const int64_t out = make_layer(oracle.spec, shape)->output_shape().size();
  oracle.forward = [=](const OracleInputs& given) {
    Values y(static_cast<size_t>(given.batch * out));
    for (int64_t n = 0; n < given.batch; ++n) one.forward(given.x[0].data() + n * in, y.data() + n * out);
    return y;
  };
  oracle.backward = [=](const OracleInputs& given, const Values& dy) {
    Values dx(given.x[0].size());
    for (int64_t n = 0; n < given.batch; ++n) {
      one.backward(given.x[0].data() + n * in, dy.data() + n * out, dx.data() + n * in);
    }
    return OracleGradients{{dx}, {}};
  };
  return oracle;
}

Oracle activation_layer(const Spec::Object& spec, Activation activation, RandomData& random, Sizes sizes) {
  const Shape shape = random_samples(random, sizes);
  const int64_t columns = shape.back();
  const int64_t rows = shape.size() / columns;
  const auto forward = [=](const double* x, double* y) {
    for (int64_t r = 0; r < rows; ++r) {
      reference::activate(activation, columns, x + r * columns, y + r * columns);
    }
  };
  return by_sample(spec, shape, random_batch(random, sizes),
                   {forward, [=](const double* x, const double* dy, double* dx) {
                      Values y(static_cast<size_t>(shape.size()));
                      forward(x, y.data());
                      std::copy_n(dy, shape.size(), dx);
                      for (int64_t r = 0; r < rows; ++r) {
                        reference::activation_backward(activation, columns, y.data() + r * columns, dx + r * columns);
                      }
                    }});
}

Oracle transcendental(Oracle oracle) {
  oracle.numbers = Numbers::kNormal;
  oracle.outputs = kTranscendental;
  oracle.gradients = kTranscendentalGradient;
  return oracle;
}

template <Activation::Kind kind>
Oracle plain_activation(RandomData& random, Sizes sizes) {
  static const std::map<Activation::Kind, std::string> names = {{Activation::kRelu, "relu"},
                                                                {Activation::kTanh, "tanh"},
                                                                {Activation::kSigmoid, "sigmoid"},
                                                                {Activation::kSoftmax, "softmax"},
                                                                {Activation::kLogSoftmax, "logSoftmax"}};
  Oracle oracle = activation_layer(plain_layer(names.at(kind)), Activation(kind), random, sizes);
  return kind == Activation::kRelu ? oracle : transcendental(oracle);
}

Oracle leaky_relu_layer(RandomData& random, Sizes sizes) {
  const double slope = random.pick({0.0, 0.25, 0.5});  // exact
  return activation_layer(leaky_relu(slope), Activation(Activation::kLeakyRelu, static_cast<float>(slope)), random,
                          sizes);
}

Oracle elu_layer(RandomData& random, Sizes sizes) {
  const double alpha = random.pick({0.25, 1.0, 1.5});
  return transcendental(
      activation_layer(elu(alpha), Activation(Activation::kElu, static_cast<float>(alpha)), random, sizes));
}

Oracle input_activation_layer(const Spec::Object& spec, InputActivation activation, RandomData& random, Sizes sizes) {
  const Shape shape = random_samples(random, sizes);
  return transcendental(by_sample(spec, shape, random_batch(random, sizes),
                                  {[=](const double* x, double* y) {
                                     for (int64_t i = 0; i < shape.size(); ++i)
                                       y[i] = reference::input_activation(activation, x[i]);
                                   },
                                   [=](const double* x, const double* dy, double* dx) {
                                     for (int64_t i = 0; i < shape.size(); ++i) {
                                       dx[i] = dy[i] * reference::input_activation_derivative(activation, x[i]);
                                     }
                                   }}));
}

Oracle threshold_layer(RandomData& random, Sizes sizes) {
  const double least = random.pick({-1.53125, 0.546875});  // no x of smooth() is so near that a step crosses it
  const double value = random.pick({-2.0, 0.0, 3.0});
  const Shape shape = random_samples(random, sizes);
  return by_sample(threshold(least, value), shape, random_batch(random, sizes),
                   {[=](const double* x, double* y) {
                      for (int64_t i = 0; i < shape.size(); ++i) y[i] = x[i] > least ? x[i] : value;
                    },
                    [=](const double* x, const double* dy, double* dx) {
                      for (int64_t i = 0; i < shape.size(); ++i) dx[i] = x[i] > least ? dy[i] : 0;
                    }});
}

Oracle gelu_layer(RandomData& random, Sizes sizes) {
  const bool exact = random.integer(0, 1) == 0;
  return input_activation_layer(gelu(exact ? "none" : "tanh"),
                                exact ? InputActivation::kGelu : InputActivation::kGeluTanh, random, sizes);
}

Oracle silu_layer(RandomData& random, Sizes sizes) {
  return input_activation_layer(plain_layer("silu"), InputActivation::kSilu, random, sizes);
}

Oracle softplus_layer(RandomData& random, Sizes sizes) {
  return input_activation_layer(plain_layer("softplus"), InputActivation::kSoftplus, random, sizes);
}

// y = x, in another shape or not.
Oracle identity(const Spec::Object& spec, RandomData& random, Sizes sizes) {
  return {.spec = spec,
          .inputs = {random_samples(random, sizes)},
          .batch = random_batch(random, sizes),
          .forward = [](const OracleInputs& given) { return given.x[0]; },
          .backward =
              [](const OracleInputs&, const Values& dy) {
                return OracleGradients{{dy}, {}};
              }};
}

Shape random_fields(RandomData& random, Sizes sizes) {
  if (sizes == Sizes::kTiny) return {random.pick({2, 3, 4}), random.pick({1, 2, 3})};
  return {random.pick({2, 3, 8, 27}), random.pick({1, 2, 7, 16, 17, 33, 65})};
}

Oracle dot_interaction_layer(RandomData& random, Sizes sizes) {
  const Shape shape = random_fields(random, sizes);
  return by_sample(plain_layer("dotInteraction"), shape, random_batch(random, sizes),
                   {[=](const double* x, double* y) {
                      const Values dots = reference::pair_dots(x, shape[0], shape[1]);
                      std::copy(dots.begin(), dots.end(), y);
                    },
                    [=](const double* x, const double* dy, double* dx) {
                      reference::pair_dots_backward(x, dy, shape[0], shape[1], dx);
                    }});
}

Oracle factorization_machine_layer(RandomData& random, Sizes sizes) {
  const Shape shape = random_fields(random, sizes);
  return by_sample(plain_layer("factorizationMachine"), shape, random_batch(random, sizes),
                   {[=](const double* x, double* y) {
                      const Values dots = reference::pair_dots(x, shape[0], shape[1]);
                      *y = std::accumulate(dots.begin(), dots.end(), 0.0);
                    },
                    [=](const double* x, const double* dy, double* dx) {
                      const Values same(static_cast<size_t>(shape[0] * (shape[0] - 1) / 2), *dy);
                      reference::pair_dots_backward(x, same.data(), shape[0], shape[1], dx);
                    }});
}

Oracle flatten_layer(RandomData& random, Sizes sizes) { return identity(plain_layer("flatten"), random, sizes); }

Oracle reshape_layer(RandomData& random, Sizes sizes) {
  Oracle oracle = identity(reshape({-1}), random, sizes);
  const Shape& shape = oracle.inputs[0];
  Spec::List turned;
  for (int axis = shape.rank(); axis-- > 0;) turned.emplace_back(shape[axis]);
  if (random.integer(0, 2) > 0) oracle.spec = reshape(turned);
  return oracle;
}

// Their numbers come by the place in memory.
Layout random_layout(RandomData& random) { return random.pick({Layout::kRows, Layout::kLanes}); }

// What a random layer does in its first step shows where its input is all zeros or all ones.
Values seen_with(const Oracle& oracle, float input) {
  const auto layer = make_layer(oracle.spec, oracle.inputs[0]);
  const auto count = static_cast<size_t>(oracle.batch * oracle.inputs[0].size());
  if (count == 0) return {};
  const std::vector<float> values(count, input);
  const LayerCase given{.batch = oracle.batch,
                        .x = values,
                        .dy = values,
                        .parameters = {},
                        .offered = oracle.offered.value_or(Layout::kRows)};
  return to_double(run_layer(*layer, given).y);
}

// y = x m, with a mask m.
Oracle masked(const Spec::Object& spec, const Shape& shape, RandomData& random, Sizes sizes) {
  Oracle oracle{.spec = spec,
                .inputs = {shape},
                .batch = random_batch(random, sizes),
                .forward = {},
                .backward = {},
                .offered = random_layout(random)};
  const auto times = [mask = seen_with(oracle, 1)](Values values) {
    for (size_t i = 0; i < values.size(); ++i) values[i] *= mask[i];
    return values;
  };
  oracle.forward = [=](const OracleInputs& given) { return times(given.x[0]); };
  oracle.backward = [=](const OracleInputs&, const Values& dy) { return OracleGradients{{times(dy)}, {}}; };
  return oracle;
}

// What is kept counts 1, 2 or 4 times: exact.
double random_rate(RandomData& random) { return random.pick({0.0, 0.5, 0.75}); }

Oracle dropout_layer(RandomData& random, Sizes sizes) {
  return masked(dropout(random_rate(random)), random_samples(random, sizes), random, sizes);
}

Oracle spatial_dropout_layer(RandomData& random, Sizes sizes) {
  return masked(spatial_dropout(random_rate(random)), random_image(random, sizes), random, sizes);
}

Oracle gaussian_noise_layer(RandomData& random, Sizes sizes) {
  Oracle oracle = identity(gaussian_noise(random.pick({0.0, 0.5, 2.0})), random, sizes);
  oracle.offered = random_layout(random);
  oracle.forward = [noise = seen_with(oracle, 0)](const OracleInputs& given) {
    Values y = given.x[0];
    for (size_t i = 0; i < y.size(); ++i) y[i] += noise[i];
    return y;
  };
  // The noise was rounded here, and there the sum.
  oracle.outputs = {2 * kRoundoff, 16 * kRoundoff};
  return oracle;
}

// [H, W, C] of a layer that slides this window.
Shape image_of(const Window2d& window, int64_t channels) { return {window.input.height, window.input.width, channels}; }

int64_t random_channels(RandomData& random, Sizes sizes) {
  return sizes == Sizes::kTiny ? random.pick({1, 2}) : random.pick({1, 3, 7, 10, 16, 17});
}

Oracle max_pool_by(const Spec::Object& spec, const Window2d& window, int64_t channels, int64_t batch) {
  const auto outputs = static_cast<size_t>(window.output_pixels() * channels);
  return by_sample(spec, image_of(window, channels), batch,
                   {[=](const double* x, double* y) {
                      std::vector<int32_t> winner(outputs);
                      reference::max_pool(window, channels, x, y, winner.data());
                    },
                    [=](const double* x, const double* dy, double* dx) {
                      std::vector<int32_t> winner(outputs);
                      Values y(outputs);
                      reference::max_pool(window, channels, x, y.data(), winner.data());
                      reference::max_pool_backward(window, channels, dy, winner.data(), dx);
                    }});
}

Oracle average_pool_by(const Spec::Object& spec, const Window2d& window, CountPadding padding, int64_t channels,
                       int64_t batch) {
  Oracle oracle =
      by_sample(spec, image_of(window, channels), batch,
                {[=](const double* x, double* y) { reference::average_pool(window, padding, channels, x, y); },
                 [=](const double*, const double* dy, double* dx) {
                   reference::average_pool_backward(window, padding, channels, dy, dx);
                 }});
  // Sums are exact, quotients are not.
  oracle.outputs = {2 * kRoundoff, 1e-9};
  oracle.gradients = {16 * kRoundoff, 64 * kRoundoff};
  return oracle;
}

// A window with options, rounded up or down; `make` gives the spec.
template <class Options, class Make>
std::pair<Spec::Object, Window2d> random_pooling(RandomData& random, Options options, Make make) {
  for (;;) {
    Window2d window = random_pooling_window(random);
    set_window(window, options);
    options.rounding = random.pick({"down", "up"});
    const Spec::Object spec = make(options);
    std::unique_ptr<Layer> layer;
    // Rounding up may add a window that lies wholly in the padding.
    if (!error_of([&] { layer = make_layer(spec, image_of(window, 1)); }).empty()) continue;
    window.output = {layer->output_shape()[0], layer->output_shape()[1]};
    return {spec, window};
  }
}

Oracle max_pool_layer(RandomData& random, Sizes sizes) {
  const auto [spec, window] = random_pooling(random, MaxPool2dOptions{}, max_pool2d);
  return max_pool_by(spec, window, random_channels(random, sizes), random_batch(random, sizes));
}

Oracle average_pool_layer(RandomData& random, Sizes sizes) {
  const bool include = random.integer(0, 1) == 1;
  const AveragePool2dOptions options{.count_padding = include ? "include" : "exclude"};
  const auto [spec, window] = random_pooling(random, options, average_pool2d);
  return average_pool_by(spec, window, include ? CountPadding::kInclude : CountPadding::kExclude,
                         random_channels(random, sizes), random_batch(random, sizes));
}

// The window that is the whole image.
Window2d whole(const Shape& image) {
  const Extent2d size{image[0], image[1]};
  return {.input = size, .output = {1, 1}, .window = size, .stride = {1, 1}, .dilation = {1, 1}, .padding = {}};
}

Oracle global_max_pool_layer(RandomData& random, Sizes sizes) {
  const Shape image = random_image(random, sizes);
  return max_pool_by(plain_layer("globalMaxPool2d"), whole(image), image.back(), random_batch(random, sizes));
}

Oracle global_average_pool_layer(RandomData& random, Sizes sizes) {
  const Shape image = random_image(random, sizes);
  return average_pool_by(plain_layer("globalAveragePool2d"), whole(image), CountPadding::kExclude, image.back(),
                         random_batch(random, sizes));
}

Oracle zero_pad_layer(RandomData& random, Sizes sizes) {
  const Shape image = random_image(random, sizes);
  const Plane plane{image[0], image[1], image[2]};
  const Padding2d p{random.integer(0, 3), random.integer(0, 3), random.integer(0, 3), random.integer(0, 3)};
  return by_sample(
      zero_pad2d({p.top, p.bottom, p.left, p.right}), image, random_batch(random, sizes),
      {[=](const double* x, double* y) { reference::zero_pad(plane, p, x, y); },
       [=](const double*, const double* dy, double* dx) { reference::zero_pad_backward(plane, p, dy, dx); }});
}

Oracle upsample_layer(RandomData& random, Sizes sizes) {
  const Shape image = random_image(random, sizes);
  const Plane plane{image[0], image[1], image[2]};
  const Extent2d factor{random.integer(1, 3), random.integer(1, 4)};
  return by_sample(upsample2d({factor.height, factor.width}), image, random_batch(random, sizes),
                   {[=](const double* x, double* y) { reference::upsample_nearest(plane, factor, x, y); },
                    [=](const double*, const double* dy, double* dx) {
                      reference::upsample_nearest_backward(plane, factor, dy, dx);
                    }});
}

// The bias of a layer whose parameters are a weight and perhaps a bias.
const double* bias_of(const OracleInputs& given) {
  return given.parameters.size() > 1 ? given.parameters[1].data() : nullptr;
}

OracleGradients with_bias(const OracleInputs& given, Values dx, Values dweight, Values dbias) {
  OracleGradients gradients{{std::move(dx)}, {std::move(dweight)}};
  if (given.parameters.size() > 1) gradients.parameters.push_back(std::move(dbias));
  return gradients;
}

Oracle dense_layer(RandomData& random, Sizes sizes) {
  const Shape shape = random_vector(random, sizes);
  const int64_t units = random_vector(random, sizes)[0];
  const auto of = [=](const OracleInputs& given) { return reference::DenseShape{given.batch, shape[0], units}; };
  return {.spec = dense(
              {.units = units, .bias = random.integer(0, 3) > 0, .kernel = random.pick({"auto", "auto", "blas"})}),
          .inputs = {shape},
          .batch = random_batch(random, sizes),
          .forward =
              [=](const OracleInputs& given) {
                Values z(static_cast<size_t>(given.batch * units));
                reference::dense(of(given), given.x[0].data(), given.parameters[0].data(), bias_of(given), z.data());
                return z;
              },
          .backward =
              [=](const OracleInputs& given, const Values& dz) {
                Values dx(given.x[0].size());
                Values dweight(given.parameters[0].size());
                Values dbias(static_cast<size_t>(units));
                reference::dense_backward(of(given), given.x[0].data(), given.parameters[0].data(), dz.data(),
                                          {dx.data(), dweight.data(), dbias.data()});
                return with_bias(given, dx, dweight, dbias);
              },
          .parameters_as_in_files = true};
}

Oracle conv2d_layer(RandomData& random, Sizes sizes) {
  const int64_t groups = random.integer(1, 3);
  const int64_t most = sizes == Sizes::kTiny ? 2 : 5;
  const Window2d window = random_window(random);
  Conv2dOptions options{.filters = groups * random.integer(1, most),
                        .groups = groups,
                        .bias = random.integer(0, 3) > 0,
                        .kernel = random.pick({"auto", "blas", "direct"})};
  set_window(window, options);
  const int64_t channels = groups * random.integer(1, most);
  const Shape image = image_of(window, channels);
  // Not for every window.
  if (!error_of([&] { make_layer(conv2d(options), image); }).empty()) options.kernel = "auto";
  const auto of = [=, filters = options.filters](const OracleInputs& given) {
    return reference::Convolution{window, given.batch, channels, filters, groups};
  };
  return {.spec = conv2d(options),
          .inputs = {image},
          .batch = random_batch(random, sizes),
          .forward =
              [=](const OracleInputs& given) {
                Values z(static_cast<size_t>(given.batch * window.output_pixels() * of(given).filters));
                reference::conv2d(of(given), given.x[0].data(), given.parameters[0].data(), bias_of(given), z.data());
                return z;
              },
          .backward =
              [=](const OracleInputs& given, const Values& dz) {
                Values dx(given.x[0].size());
                Values dweight(given.parameters[0].size());
                Values dbias(static_cast<size_t>(of(given).filters));
                reference::conv2d_backward(of(given), given.x[0].data(), given.parameters[0].data(), dz.data(),
                                           {dx.data(), dweight.data(), dbias.data()});
                return with_bias(given, dx, dweight, dbias);
              }};
}

// The weight and bias of a normalisation that may lack either.
struct Affine {
  bool scale;
  bool shift;
  size_t columns;

  Values weight(const OracleInputs& given) const { return scale ? given.parameters[0] : Values(columns, 1); }
  Values bias(const OracleInputs& given) const { return shift ? given.parameters[statistics() - 1] : Values(columns); }
  // Where the parameters after the weight and the bias begin.
  size_t statistics() const { return (scale ? 1U : 0U) + (shift ? 1U : 0U); }
  std::vector<Values> gradients(const reference::NormalizationGradients& all) const {
    std::vector<Values> own;
    if (scale) own.push_back(all.dweight);
    if (shift) own.push_back(all.dbias);
    return own;
  }
};

// With an epsilon that keeps the gradient of a few values from being all cancellation.
double random_epsilon(RandomData& random) { return random.pick({0.1, 1.0}); }
constexpr Tolerance kNormalized{4 * kRoundoff, 512 * kRoundoff};
constexpr Tolerance kNormalizedGradient{64 * kRoundoff, 2048 * kRoundoff};

Oracle batch_norm_layer(RandomData& random, Sizes sizes) {
  const BatchNormOptions options{.momentum = random.pick({0.0, 0.1, 1.0}),
                                 .epsilon = random_epsilon(random),
                                 .scale = random.integer(0, 2) > 0,
                                 .shift = random.integer(0, 2) > 0,
                                 .statistics = random.pick({"batch", "batch", "running"})};
  const Shape shape = random_samples(random, sizes);
  const auto columns = static_cast<size_t>(shape.back());
  const Affine affine{options.scale, options.shift, columns};
  const bool running = options.statistics == "running";
  const auto of = [=](const OracleInputs& given) {
    return reference::NormalizationShape{given.batch * shape.size() / shape.back(), shape.back(), options.epsilon};
  };
  const auto moments = [=](const OracleInputs& given) {
    const size_t first = affine.statistics();
    return running ? reference::Moments{given.parameters[first], given.parameters[first + 1]}
                   : reference::column_moments(of(given), given.x[0]);
  };
  // 1 / (M - 1) of the squares; one value says nothing of the variance.
  const auto moved = [=](const Values& before, const Values& seen, double factor) {
    Values after;
    for (size_t c = 0; c < columns; ++c) {
      after.push_back((1 - options.momentum) * before[c] + options.momentum * seen[c] * factor);
    }
    return after;
  };
  return {.spec = batch_norm(options),
          .inputs = {shape},
          .batch = std::max<int64_t>(random_batch(random, sizes), running ? 0 : 1),
          .forward =
              [=](const OracleInputs& given) {
                return reference::batch_norm(of(given), moments(given), given.x[0], affine.weight(given),
                                             affine.bias(given));
              },
          .backward =
              [=](const OracleInputs& given, const Values& dy) {
                const reference::Moments seen = moments(given);
                const auto all = reference::batch_norm_backward(
                    of(given), seen, running ? reference::MomentsFrom::kRunning : reference::MomentsFrom::kBatch,
                    given.x[0], affine.weight(given), dy);
                OracleGradients gradients{{all.dx}, affine.gradients(all)};
                const size_t first = affine.statistics();
                const auto rows = static_cast<double>(of(given).rows);
                gradients.parameters.push_back(running ? Values{} : moved(given.parameters[first], seen.mean, 1));
                const Values& variance = given.parameters[first + 1];
                gradients.parameters.push_back(running     ? Values{}
                                               : rows == 1 ? variance
                                                           : moved(variance, seen.variance, rows / (rows - 1)));
                return gradients;
              },
          .outputs = kNormalized,
          .gradients = kNormalizedGradient};
}

Oracle layer_norm_layer(RandomData& random, Sizes sizes) {
  const Shape shape = random_samples(random, sizes);
  const LayerNormOptions options{.axes = random.integer(1, shape.rank()),
                                 .epsilon = random_epsilon(random),
                                 .scale = random.integer(0, 2) > 0,
                                 .shift = random.integer(0, 2) > 0};
  int64_t columns = 1;
  for (int64_t axis = shape.rank() - options.axes; axis < shape.rank(); ++axis)
    columns *= shape[static_cast<int>(axis)];
  const Affine affine{options.scale, options.shift, static_cast<size_t>(columns)};
  const auto of = [=](const OracleInputs& given) {
    return reference::NormalizationShape{given.batch * shape.size() / columns, columns, options.epsilon};
  };
  return {.spec = layer_norm(options),
          .inputs = {shape},
          .batch = random_batch(random, sizes),
          .forward =
              [=](const OracleInputs& given) {
                return reference::layer_norm(of(given), given.x[0], affine.weight(given), affine.bias(given));
              },
          .backward =
              [=](const OracleInputs& given, const Values& dy) {
                const auto all = reference::layer_norm_backward(of(given), given.x[0], affine.weight(given), dy);
                return OracleGradients{{all.dx}, affine.gradients(all)};
              },
          .outputs = kNormalized,
          .gradients = kNormalizedGradient};
}

}  // namespace

const std::map<std::string, MakeOracle>& oracles() {
  static const std::map<std::string, MakeOracle> table = {
      {"add", add_layer},
      {"averagePool2d", average_pool_layer},
      {"batchNorm", batch_norm_layer},
      {"concat", concat_layer},
      {"conv2d", conv2d_layer},
      {"dense", dense_layer},
      {"dot", dot_layer},
      {"dotInteraction", dot_interaction_layer},
      {"dropout", dropout_layer},
      {"elu", elu_layer},
      {"embedding", embedding_layer},
      {"embeddingBag", embedding_bag_layer},
      {"factorizationMachine", factorization_machine_layer},
      {"flatten", flatten_layer},
      {"gaussianNoise", gaussian_noise_layer},
      {"gelu", gelu_layer},
      {"globalAveragePool2d", global_average_pool_layer},
      {"globalMaxPool2d", global_max_pool_layer},
      {"inBatchNegatives", in_batch_negatives_layer},
      {"layerNorm", layer_norm_layer},
      {"leakyRelu", leaky_relu_layer},
      {"logSoftmax", plain_activation<Activation::kLogSoftmax>},
      {"maxPool2d", max_pool_layer},
      {"multiply", multiply_layer},
      {"relu", plain_activation<Activation::kRelu>},
      {"reshape", reshape_layer},
      {"sigmoid", plain_activation<Activation::kSigmoid>},
      {"silu", silu_layer},
      {"softmax", plain_activation<Activation::kSoftmax>},
      {"softplus", softplus_layer},
      {"sparseDense", sparse_dense_layer},
      {"spatialDropout", spatial_dropout_layer},
      {"tanh", plain_activation<Activation::kTanh>},
      {"threshold", threshold_layer},
      {"upsample2d", upsample_layer},
      {"zeroPad2d", zero_pad_layer},
  };
  return table;
}

}  // namespace gradloom::test
