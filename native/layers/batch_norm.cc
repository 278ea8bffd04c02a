#include "layers/batch_norm.h"

#include <algorithm>
#include <cmath>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/lanes.h"

namespace gradloom {
namespace {

constexpr int64_t kFloatsOfDouble = sizeof(double) / sizeof(float);

double* as_doubles(float* memory) { return reinterpret_cast<double*>(memory); }
const double* as_doubles(const float* memory) { return reinterpret_cast<const double*>(memory); }

bool parse_statistics(const Spec& spec, const std::string& label) {
  const std::string& name = spec.string("statistics");
  if (name == "batch" || name == "running") return name == "batch";
  throw Error("INVALID_SPEC", label + ": statistics must be \"batch\" or \"running\", got \"" + name + "\"");
}

double read_momentum(const Spec& spec, const std::string& label) {
  const double momentum = spec.number("momentum");
  if (momentum >= 0 && momentum <= 1) return momentum;
  throw Error("INVALID_SPEC", label + ": momentum must be from 0 to 1, got " + std::to_string(momentum));
}

double read_epsilon(const Spec& spec, const std::string& label) {
  const double epsilon = spec.number("epsilon");
  if (epsilon > 0 && std::isfinite(epsilon)) return epsilon;
  throw Error("INVALID_SPEC", label + ": epsilon must be a finite number above 0, got " + std::to_string(epsilon));
}

}  // namespace

BatchNorm::BatchNorm(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape),
      channels_(input_shape.back()),
      momentum_(read_momentum(spec, label())),
      epsilon_(read_epsilon(spec, label())),
      batch_statistics_(parse_statistics(spec, label())) {
  const Fans fans{1, 1};
  const Initializer weight = read_initializer(spec, "weightInitializer", label(), fans);
  const Initializer bias = read_initializer(spec, "biasInitializer", label(), fans);
  int count = 0;
  weight_ = spec.boolean("scale") ? count++ : kAbsent;
  if (weight_ != kAbsent) add_parameter({"weight", {channels_}, weight});
  bias_ = spec.boolean("shift") ? count++ : kAbsent;
  if (bias_ != kAbsent) add_parameter({"bias", {channels_}, bias});
  const ParameterRole role = batch_statistics_ ? ParameterRole::kStatistic : ParameterRole::kFrozen;
  running_mean_ = count++;
  add_parameter({"runningMean", {channels_}, {Initializer::Kind::kConstant, 0}, role});
  running_variance_ = count++;
  add_parameter({"runningVariance", {channels_}, {Initializer::Kind::kConstant, 1}, role});
}

// ---- how the work is cut
// ---------------------------------------------------------------------------------------------

// In rows a part is some rows by some channels, in lanes one channel of a block of samples. There are so few pieces of
// rows that the sums of all of them take no memory to speak of.
Tiling BatchNorm::column_tiles() const {
  constexpr int64_t kColumnsOfPart = 512;
  return cut(channels_, ceil_divide(channels_, kColumnsOfPart), kLanes);
}

Tiling BatchNorm::row_tiles(int64_t batch) const {
  constexpr int64_t kMostPieces = 64;
  const int64_t rows = batch * pixels();
  return cut(rows, std::min(tile_rows(rows, column_tiles().step).count, kMostPieces));
}

int64_t BatchNorm::pieces(Layout layout, int64_t batch) const {
  return layout == Layout::kLanes ? lane_blocks(batch) : row_tiles(batch).count;
}

template <class Work>
void BatchNorm::for_each_part(const Pass& pass, Layout layout, Work work) const {
  if (layout == Layout::kRows) {
    const Tiling rows = row_tiles(pass.batch);
    const Tiling columns = column_tiles();
    pass.team.for_each(rows.count * columns.count, [&](int64_t job, int) {
      const int64_t row = job / columns.count;
      const int64_t column = job % columns.count;
      const int64_t channel = columns.first(column);
      work(ChannelBlock{rows.size(row), columns.size(column), channels_},
           Part{rows.first(row) * channels_ + channel, row, channel});
    });
    return;
  }
  const int64_t image_floats = pixels() * kLanes;
  const Tiling images = tile_rows(lane_blocks(pass.batch) * channels_, image_floats);
  pass.team.for_each(images.count, [&](int64_t tile, int) {
    for (int64_t image = images.first(tile); image < images.first(tile) + images.size(tile); ++image) {
      const int64_t block = image / channels_;
      const int64_t samples = std::min(kLanes, pass.batch - block * kLanes);
      work(ChannelBlock{pixels(), kLanes, kLanes, Columns::kSamples, samples},
           Part{image * image_floats, block, image % channels_});
    }
  });
}

// Calls finish(channel, sum of its pieces).
template <class Finish>
void BatchNorm::add_pieces(Team& team, int64_t pieces, const double* partial, Finish finish) const {
  const Tiling tiles = tile_rows(channels_, pieces);
  team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t c = tiles.first(tile); c < tiles.first(tile) + tiles.size(tile); ++c) {
      double sum = partial[c];
      for (int64_t piece = 1; piece < pieces; ++piece) sum += partial[piece * channels_ + c];
      finish(c, sum);
    }
  });
}

int64_t BatchNorm::scratch_floats(int64_t pieces) const {
  return checked_multiply(channels_, kFloatsOfDouble * (2 + 2 * pieces + 2) + 6);
}

BatchNorm::Scratch BatchNorm::scratch_at(float* memory, int64_t pieces) const {
  double* doubles = as_doubles(memory);
  double* partial = doubles + 2 * channels_;
  double* totals = partial + 2 * pieces * channels_;
  float* floats = memory + kFloatsOfDouble * (2 + 2 * pieces + 2) * channels_;
  return {doubles, partial, totals, floats, floats + 5 * channels_};
}

std::unique_ptr<Layer> BatchNorm::activated(Activation activation) const {
  if (rectified_ == Rectified::kYes || activation != Activation::kRelu) return nullptr;
  auto layer = std::make_unique<BatchNorm>(*this);
  layer->rectified_ = Rectified::kYes;
  return layer;
}

Layer::ChannelScales BatchNorm::channel_scales(std::span<const float* const> parameters) const {
  const auto value = [&](int parameter, int64_t channel, double otherwise) {
    return parameter == kAbsent ? otherwise : parameters[static_cast<size_t>(parameter)][channel];
  };
  ChannelScales scales;
  for (int64_t c = 0; c < channels_; ++c) {
    scales.scale.push_back(value(weight_, c, 1) / std::sqrt(value(running_variance_, c, 1) + epsilon_));
    scales.centre.push_back(value(running_mean_, c, 0));
    scales.shift.push_back(value(bias_, c, 0));
  }
  return scales;
}

LayerNeeds BatchNorm::needs(const LayerSetting& setting) const {
  floats_of(input_shape(), setting.layout, setting.batch);  // throws when it is beyond any memory
  const int64_t scratch = scratch_floats(pieces(setting.layout, setting.batch));
  return {.kernel = layout_name(setting.layout),
          .backward_reads_input = learns_statistics(setting.phase) || trains(weight_) || rectified_ == Rectified::kYes,
          .saved = learns_statistics(setting.phase) ? kFloatsOfDouble * 2 * channels_ : 0,
          .forward_scratch = scratch,
          .backward_scratch = scratch};
}

// ---- forward
// ---------------------------------------------------------------------------------------------------------

void BatchNorm::forward(const ForwardArguments& args) const {
  const Scratch scratch = scratch_at(args.scratch, pieces(args.layout, args.pass.batch));
  double* moments = scratch.moments;
  if (learns_statistics(args.pass.phase)) {
    moments = as_doubles(args.saved);
    batch_moments(args, scratch.partial, moments);
  } else {
    running_moments(args.parameters, moments);
  }
  fill_coefficients(args.parameters, moments, scratch);
  for_each_part(args.pass, args.layout, [&](const ChannelBlock& block, const Part& part) {
    normalize_channels(block, coefficients_at(scratch, part.channel), args.x + part.offset, args.y + part.offset);
  });
}

void BatchNorm::fill_coefficients(std::span<const float* const> parameters, const double* moments,
                                  const Scratch& scratch) const {
  float* mean = scratch.coefficients;
  float* factor = mean + channels_;
  float* shift = factor + channels_;
  for (int64_t c = 0; c < channels_; ++c) {
    mean[c] = static_cast<float>(moments[c]);
    factor[c] = scale(parameters, moments, c);
    shift[c] = bias_ == kAbsent ? 0 : parameters[static_cast<size_t>(bias_)][c];
  }
}

ChannelCoefficients BatchNorm::coefficients_at(const Scratch& scratch, int64_t channel) const {
  const float* mean = scratch.coefficients + channel;
  return {mean, mean + channels_, mean + 2 * channels_, rectified_};
}

void BatchNorm::batch_moments(const ForwardArguments& args, double* partial, double* moments) const {
  const int64_t count = pieces(args.layout, args.pass.batch);
  const auto values = static_cast<double>(args.pass.batch * pixels());
  double* variance = moments + channels_;
  for_each_part(args.pass, args.layout, [&](const ChannelBlock& block, const Part& part) {
    channel_sums(block, args.x + part.offset, partial + part.piece * channels_ + part.channel);
  });
  add_pieces(args.pass.team, count, partial, [&](int64_t c, double sum) { moments[c] = sum / values; });
  for_each_part(args.pass, args.layout, [&](const ChannelBlock& block, const Part& part) {
    channel_square_sums(block, args.x + part.offset, moments + part.channel,
                        partial + part.piece * channels_ + part.channel);
  });
  add_pieces(args.pass.team, count, partial, [&](int64_t c, double sum) { variance[c] = sum / values; });
}

void BatchNorm::running_moments(std::span<const float* const> parameters, double* moments) const {
  std::copy_n(parameters[static_cast<size_t>(running_mean_)], channels_, moments);
  std::copy_n(parameters[static_cast<size_t>(running_variance_)], channels_, moments + channels_);
}

double BatchNorm::inverse_deviation(const double* moments, int64_t channel) const {
  return 1 / std::sqrt(moments[channels_ + channel] + epsilon_);
}

float BatchNorm::scale(std::span<const float* const> parameters, const double* moments, int64_t channel) const {
  const float weight = weight_ == kAbsent ? 1 : parameters[static_cast<size_t>(weight_)][channel];
  return static_cast<float>(weight * inverse_deviation(moments, channel));
}

// ---- backward
// --------------------------------------------------------------------------------------------------------

void BatchNorm::backward(const BackwardArguments& args) const {
  const Scratch scratch = scratch_at(args.scratch, pieces(args.layout, args.pass.batch));
  const double* moments = scratch.moments;
  if (learns_statistics(args.pass.phase)) {
    moments = as_doubles(args.saved);
  } else {
    running_moments(args.parameters, scratch.moments);
  }
  fill_coefficients(args.parameters, moments, scratch);
  if (trains(weight_) || trains(bias_) || (learns_statistics(args.pass.phase) && args.dx != nullptr)) {
    sum_gradients(args, moments, scratch);
  }
  if (args.dx != nullptr) input_gradient(args, moments, scratch);
  parameter_gradients(args, moments, scratch);
}

void BatchNorm::sum_gradients(const BackwardArguments& args, const double* moments, const Scratch& scratch) const {
  const int64_t count = pieces(args.layout, args.pass.batch);
  const bool products = learns_statistics(args.pass.phase) || trains(weight_) || rectified_ == Rectified::kYes;
  double* product_sums = scratch.partial + count * channels_;
  for_each_part(args.pass, args.layout, [&](const ChannelBlock& block, const Part& part) {
    const int64_t sums = part.piece * channels_ + part.channel;
    if (!products) return channel_sums(block, args.dy + part.offset, scratch.partial + sums);
    channel_gradient_sums(block, coefficients_at(scratch, part.channel),
                          {moments + part.channel, args.x + part.offset, args.dy + part.offset},
                          {scratch.partial + sums, product_sums + sums});
  });
  add_pieces(args.pass.team, count, scratch.partial, [&](int64_t c, double sum) { scratch.totals[c] = sum; });
  if (!products) return;
  add_pieces(args.pass.team, count, product_sums, [&](int64_t c, double sum) { scratch.totals[channels_ + c] = sum; });
}

void BatchNorm::input_gradient(const BackwardArguments& args, const double* moments, const Scratch& scratch) const {
  const bool learns = learns_statistics(args.pass.phase);
  const auto values = static_cast<double>(args.pass.batch * pixels());
  float* centre = scratch.coefficients + 3 * channels_;
  float* slope = centre + channels_;
  for (int64_t c = 0; c < channels_; ++c) {
    const double inverse = inverse_deviation(moments, c);
    centre[c] = learns ? static_cast<float>(scratch.totals[c] / values) : 0;
    slope[c] = learns ? static_cast<float>(scratch.totals[channels_ + c] / values * inverse * inverse) : 0;
  }
  for_each_part(args.pass, args.layout, [&](const ChannelBlock& block, const Part& part) {
    const ChannelCoefficients by = coefficients_at(scratch, part.channel);
    const float* dy = args.dy + part.offset;
    float* dx = args.dx + part.offset;
    if (learns || rectified_ == Rectified::kYes) {
      normalize_channels_backward(block, {by, centre + part.channel, slope + part.channel}, args.x + part.offset, dy,
                                  dx);
    } else {
      scale_channels(block, by.scale, dy, dx);
    }
  });
}

void BatchNorm::parameter_gradients(const BackwardArguments& args, const double* moments,
                                    const Scratch& scratch) const {
  if (trains(weight_)) {
    hand_over(args, weight_, scratch.gradient,
              [&](int64_t c) { return scratch.totals[channels_ + c] * inverse_deviation(moments, c); });
  }
  if (trains(bias_)) hand_over(args, bias_, scratch.gradient, [&](int64_t c) { return scratch.totals[c]; });
  if (!learns_statistics(args.pass.phase)) return;
  const auto values = static_cast<double>(args.pass.batch * pixels());
  const auto moved = [&](int parameter, int64_t c, double value) {
    return (1 - momentum_) * args.parameters[static_cast<size_t>(parameter)][c] + momentum_ * value;
  };
  hand_over(args, running_mean_, scratch.gradient, [&](int64_t c) { return moved(running_mean_, c, moments[c]); });
  hand_over(args, running_variance_, scratch.gradient, [&](int64_t c) {
    if (values == 1) return static_cast<double>(args.parameters[static_cast<size_t>(running_variance_)][c]);
    return moved(running_variance_, c, moments[channels_ + c] * values / (values - 1));
  });
}

template <class Value>
void BatchNorm::hand_over(const BackwardArguments& args, int parameter, float* scratch, Value value) const {
  float* target = args.gradients.target(parameter, 0, scratch);
  for (int64_t c = 0; c < channels_; ++c) target[c] = static_cast<float>(value(c));
  args.gradients.complete(parameter, 0, channels_, target);
}

}  // namespace gradloom
