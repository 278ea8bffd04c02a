#include "layers/conv2d/pixels.h"

namespace gradloom {

LayerNeeds Conv2dPixels::needs(const LayerSetting& setting) const {
  return {.kernel = "direct-pixels",
          .backward_reads_input = conv_.trainable,
          .backward_reads_output = conv_.activation != Activation::kLinear,
          .backward_scratch = parameter_floats() + (setting.input_gradient ? packed_floats() : 0)};
}

void Conv2dPixels::prepare(Team& team, const float* weights, float* prepared) const { pack(team, weights, prepared); }

void Conv2dPixels::forward(const ForwardArguments& args, const float* prepared, float* /*scratch*/) const {
  const ChannelsShape shape = forward_shape();
  const ChannelsOutput output = forward_output(args);
  const int64_t batch = args.pass.batch;
  const SampleSteps steps{conv_.output_floats(), {conv_.window.output.width * conv_.filters, conv_.filters}};
  args.pass.team.for_each(jobs(shape, batch),
                          [&](int64_t job, int) { convolve_job(shape, batch, job, args.x, prepared, output, steps); });
  if (conv_.activation.spans_row()) activate_rows(args);
}

void Conv2dPixels::backward(const BackwardArguments& args) const {
  Team& team = args.pass.team;
  const int64_t batch = args.pass.batch;
  const ChannelsShape shape = forward_shape();
  float* const packed = args.scratch + parameter_floats();
  activation_backward_rows(args, 0, batch * conv_.window.output_pixels());
  const bool learns = conv_.trainable;
  const ChannelsGradient gradient = parameter_targets(args);
  if (args.dx != nullptr) pack_phases(team, args.parameters[0], packed);
  const int64_t taps = conv_.window.taps();
  const int64_t tiles = channels_gradient_tiles(shape).count;
  const int64_t weight_jobs = learns ? conv_.groups * tiles * taps : 0;
  const int64_t input_jobs = args.dx == nullptr ? 0 : input_gradient_jobs(batch);
  team.for_each(weight_jobs + input_jobs, [&](int64_t job, int) {
    if (job >= weight_jobs) return input_gradient_job(batch, job - weight_jobs, args.dy, packed, args.dx);
    const int64_t group = job / taps / tiles;
    const int64_t filter = group * shape.filters;
    conv2d_pixels_weight_gradient(
        shape, batch, job / taps % tiles, job % taps, args.x + group * shape.channels, args.dy + filter,
        {gradient.weights + filter * conv_.row_length(), gradient.bias == nullptr ? nullptr : gradient.bias + filter});
  });
  if (learns) complete_parameters(args, gradient.weights, gradient.bias);
}

int64_t Conv2dPixels::jobs(const ChannelsShape& shape, int64_t batch) const {
  return conv_.groups * shape.panels() * shape.window.output_pixels() * pixels_sample_tiles(shape, batch).count;
}

// All pixels and samples of a panel before the next one.
void Conv2dPixels::convolve_job(const ChannelsShape& shape, int64_t batch, int64_t job, const float* x,
                                const float* filters, const ChannelsOutput& output, const SampleSteps& steps) const {
  const EvenTiling samples = pixels_sample_tiles(shape, batch);
  const int64_t pixels = shape.window.output_pixels();
  const int64_t tile = job % samples.count;
  const int64_t panel = job / samples.count / pixels % shape.panels();
  const int64_t group = job / samples.count / pixels / shape.panels();
  conv2d_pixel(shape, {samples.first(tile), samples.size(tile), job / samples.count % pixels, panel},
               x + group * shape.channels, filters + group * group_weights(), output.of_group(shape, group), steps);
}

int64_t Conv2dPixels::input_gradient_jobs(int64_t batch) const {
  int64_t count = 0;
  for_each_phase(
      forward_shape(), conv_.window.output,
      [&](const InputPhase&, const InputPhase&, const ChannelsShape& phase, int64_t) { count += jobs(phase, batch); });
  return count;
}

// Phase by phase.
void Conv2dPixels::input_gradient_job(int64_t batch, int64_t job, const float* dz, const float* packed,
                                      float* dx) const {
  const auto& [height, width] = conv_.window.input;
  const Extent2d& stride = conv_.window.stride;
  const SampleSteps steps{conv_.input_floats(),
                          {stride.height * width * conv_.channels, stride.width * conv_.channels}};
  for_each_phase(forward_shape(), conv_.window.output,
                 [&](const InputPhase& row, const InputPhase& column, ChannelsShape phase, int64_t of_phase) {
                   const int64_t count = jobs(phase, batch);
                   if (job >= 0 && job < count) {
                     phase.window.padding = {-row.start, 0, -column.start, 0};
                     float* const to = dx + (row.first * width + column.first) * conv_.channels;
                     convolve_job(phase, batch, job, dz, packed + of_phase, {nullptr, Activation::kLinear, to}, steps);
                   }
                   job -= count;
                 });
}

}  // namespace gradloom
