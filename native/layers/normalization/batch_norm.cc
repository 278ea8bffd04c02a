#include "layers/normalization/batch_norm.h"

#include <algorithm>
#include <cmath>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/layout/lanes.h"

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

ChannelBlock BatchNorm::block_of(int64_t batch, int64_t block) const {
  return {pixels(), kLanes, kLanes, Columns::kSamples, std::min(kLanes, batch - block * kLanes)};
}

BatchNorm::Part BatchNorm::part_of(int64_t block, int64_t channel) const {
  return {(block * channels_ + channel) * pixels() * kLanes, block, channel};
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
  const int64_t blocks = lane_blocks(pass.batch);
  const Tiling images = tile_rows(blocks * channels_, pixels() * kLanes);
  pass.team.for_each(images.count, [&](int64_t tile, int) {
    for (int64_t image = images.first(tile); image < images.first(tile) + images.size(tile); ++image) {
      work(block_of(pass.batch, image / channels_), part_of(image / channels_, image % channels_));
    }
  });
}

// The parts of a channel in lanes.
template <class Work>
void BatchNorm::for_each_block(const Pass& pass, int64_t channel, Work work) const {
  for (int64_t block = 0; block < lane_blocks(pass.batch); ++block) {
    work(block_of(pass.batch, block), part_of(block, channel));
  }
}

// sum(block, part) of all parts, finish(channels) of all channels, then map(block, part) of all parts.
template <class Sum, class Finish, class Map>
void BatchNorm::sum_and_map(const Pass& pass, Layout layout, const Wanted& wanted, Sum sum, Finish finish,
                            Map map) const {
  constexpr int64_t kChannelsOfThread = 4;
  if (layout == Layout::kLanes && channels_ >= kChannelsOfThread * pass.team.size()) {
    // One channel after the other, whose values are mapped while they are in the cache.
    const Tiling tiles = tile_rows(channels_, lane_blocks(pass.batch) * pixels() * kLanes);
    pass.team.for_each(tiles.count, [&](int64_t tile, int) {
      for (int64_t c = tiles.first(tile); c < tiles.first(tile) + tiles.size(tile); ++c) {
        if (wanted.sums) for_each_block(pass, c, sum);
        finish(Channels{c, c + 1});
        if (wanted.map) for_each_block(pass, c, map);
      }
    });
    return;
  }
  if (wanted.sums) for_each_part(pass, layout, sum);
  const Tiling tiles = tile_rows(channels_, pieces(layout, pass.batch));
  pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    finish(Channels{tiles.first(tile), tiles.first(tile) + tiles.size(tile)});
  });
  if (wanted.map) for_each_part(pass, layout, map);
}

// totals[c] = the sum of its pieces.
void BatchNorm::add_pieces(int64_t pieces, const double* partial, Channels channels, double* totals) const {
  std::copy(partial + channels.first, partial + channels.end, totals + channels.first);
  for (int64_t piece = 1; piece < pieces; ++piece) {
    partial += channels_;
    for (int64_t c = channels.first; c < channels.end; ++c) totals[c] += partial[c];
  }
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
  const bool leaky = activation.kind == Activation::kLeakyRelu;
  if (rectified_ != Rectified::kNo || (activation != Activation::kRelu && !leaky)) return nullptr;
  auto layer = std::make_unique<BatchNorm>(*this);
  layer->rectified_ = leaky ? Rectified::kLeaky : Rectified::kYes;
  layer->slope_ = activation.parameter;
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
          .backward_reads_input = learns_statistics(setting.phase) || trains(weight_) || rectified_ != Rectified::kNo,
          .saved = learns_statistics(setting.phase) ? kFloatsOfDouble * 2 * channels_ : 0,
          .forward_scratch = scratch,
          .backward_scratch = scratch};
}

// ---- forward
// ---------------------------------------------------------------------------------------------------------

void BatchNorm::forward(const ForwardArguments& args) const {
  const int64_t count = pieces(args.layout, args.pass.batch);
  const Scratch scratch = scratch_at(args.scratch, count);
  const bool learns = learns_statistics(args.pass.phase);
  double* moments = learns ? as_doubles(args.saved) : scratch.moments;
  if (!learns) running_moments(args.parameters, moments);
  double* squares = scratch.partial + count * channels_;
  sum_and_map(
      args.pass, args.layout, {learns, true},
      [&](const ChannelBlock& block, const Part& part) {
        const int64_t sums = part.piece * channels_ + part.channel;
        channel_moments(block, first_of(args, part.channel), args.x + part.offset,
                        {scratch.partial + sums, squares + sums});
      },
      [&](Channels channels) {
        if (learns) {
          add_pieces(count, scratch.partial, channels, scratch.totals);
          add_pieces(count, squares, channels, scratch.totals + channels_);
          finish_moments(args, scratch.totals, channels, moments);
        }
        fill_coefficients(args.parameters, moments, scratch, channels);
      },
      [&](const ChannelBlock& block, const Part& part) {
        normalize_channels(block, coefficients_at(scratch, part.channel), args.x + part.offset, args.y + part.offset);
      });
}

// The first values of channels from this one on: in lanes of one channel.
const float* BatchNorm::first_of(const ForwardArguments& args, int64_t channel) const {
  return args.x + channel * (args.layout == Layout::kLanes ? pixels() * kLanes : 1);
}

void BatchNorm::finish_moments(const ForwardArguments& args, const double* totals, Channels channels,
                               double* moments) const {
  const double share = 1 / static_cast<double>(args.pass.batch * pixels());
  for (int64_t c = channels.first; c < channels.end; ++c) {
    const double difference = totals[c] * share;
    const double variance = totals[channels_ + c] * share - difference * difference;
    moments[c] = *first_of(args, c) + difference;
    moments[channels_ + c] = variance < 0 ? 0 : variance;  // NaN stays NaN
  }
}

void BatchNorm::fill_coefficients(std::span<const float* const> parameters, const double* moments,
                                  const Scratch& scratch, Channels channels) const {
  float* mean = scratch.coefficients;
  float* factor = mean + channels_;
  float* shift = factor + channels_;
  for (int64_t c = channels.first; c < channels.end; ++c) {
    mean[c] = static_cast<float>(moments[c]);
    factor[c] = scale(parameters, moments, c);
    shift[c] = bias_ == kAbsent ? 0 : parameters[static_cast<size_t>(bias_)][c];
  }
}

ChannelCoefficients BatchNorm::coefficients_at(const Scratch& scratch, int64_t channel) const {
  const float* mean = scratch.coefficients + channel;
  return {mean, mean + channels_, mean + 2 * channels_, rectified_, slope_};
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
  const int64_t count = pieces(args.layout, args.pass.batch);
  const Scratch scratch = scratch_at(args.scratch, count);
  const bool learns = learns_statistics(args.pass.phase);
  const double* moments = learns ? as_doubles(args.saved) : scratch.moments;
  if (!learns) running_moments(args.parameters, scratch.moments);
  const bool sums = trains(weight_) || trains(bias_) || (learns && args.dx != nullptr);
  const bool products = learns || trains(weight_) || rectified_ != Rectified::kNo;
  const double share = 1 / static_cast<double>(args.pass.batch * pixels());
  double* product_sums = scratch.partial + count * channels_;
  float* centre = scratch.coefficients + 3 * channels_;
  float* slope = centre + channels_;
  fill_coefficients(args.parameters, moments, scratch, {0, channels_});
  sum_and_map(
      args.pass, args.layout, {sums, args.dx != nullptr},
      [&](const ChannelBlock& block, const Part& part) {
        const int64_t at = part.piece * channels_ + part.channel;
        if (!products) return channel_sums(block, args.dy + part.offset, scratch.partial + at);
        channel_gradient_sums(block, coefficients_at(scratch, part.channel),
                              {moments + part.channel, args.x + part.offset, args.dy + part.offset},
                              {scratch.partial + at, product_sums + at});
      },
      [&](Channels channels) {
        if (sums) add_pieces(count, scratch.partial, channels, scratch.totals);
        if (sums && products) add_pieces(count, product_sums, channels, scratch.totals + channels_);
        const bool centres = learns && sums;
        for (int64_t c = channels.first; c < channels.end; ++c) {
          const double inverse = inverse_deviation(moments, c);
          centre[c] = centres ? static_cast<float>(scratch.totals[c] * share) : 0;
          slope[c] = centres ? static_cast<float>(scratch.totals[channels_ + c] * share * inverse * inverse) : 0;
        }
      },
      [&](const ChannelBlock& block, const Part& part) {
        const ChannelCoefficients by = coefficients_at(scratch, part.channel);
        const float* dy = args.dy + part.offset;
        float* dx = args.dx + part.offset;
        if (!learns && rectified_ == Rectified::kNo) return scale_channels(block, by.scale, dy, dx);
        normalize_channels_backward(block, {by, centre + part.channel, slope + part.channel}, args.x + part.offset, dy,
                                    dx);
      });
  parameter_gradients(args, moments, scratch);
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
