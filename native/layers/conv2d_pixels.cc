#include "layers/conv2d_pixels.h"

namespace gradloom {

LayerNeeds Conv2dPixels::needs(const LayerSetting& setting) const {
  return {.kernel = "direct-pixels",
          .backward_reads_input = conv_.trainable,
          .backward_reads_output = conv_.activation != Activation::kLinear,
          .backward_scratch = parameter_floats() + (setting.input_gradient ? packed_floats() : 0)};
}

void Conv2dPixels::prepare(Team& team, const float* weights, float* prepared) const {
  pack(team, forward_shape(), PackedFor::kForward, weights, prepared);
}

void Conv2dPixels::forward(const ForwardArguments& args, const float* prepared, float* /*scratch*/) const {
  const ChannelsShape shape = forward_shape();
  const ChannelsOutput output = forward_output(args);
  const int64_t batch = args.pass.batch;
  args.pass.team.for_each(jobs(shape, batch),
                          [&](int64_t job, int) { convolve_job(shape, batch, job, args.x, prepared, output); });
  if (conv_.activation.spans_row()) activate_rows(args);
}

void Conv2dPixels::backward(const BackwardArguments& args) const {
  Team& team = args.pass.team;
  const int64_t batch = args.pass.batch;
  const ChannelsShape shape = forward_shape();
  const ChannelsShape of_input = gradient_shape(shape);
  float* const packed = args.scratch + parameter_floats();
  activation_backward_rows(args, 0, batch * conv_.window.output_pixels());
  const bool learns = conv_.trainable;
  const ChannelsGradient gradient = parameter_targets(args);
  if (args.dx != nullptr) pack(team, of_input, PackedFor::kInputGradient, args.parameters[0], packed);
  const int64_t taps = conv_.window.taps();
  const int64_t tiles = channels_gradient_tiles(shape).count;
  const int64_t weight_jobs = learns ? conv_.groups * tiles * taps : 0;
  const int64_t input_jobs = args.dx == nullptr ? 0 : jobs(of_input, batch);
  team.for_each(weight_jobs + input_jobs, [&](int64_t job, int) {
    if (job >= weight_jobs) {
      return convolve_job(of_input, batch, job - weight_jobs, args.dy, packed, {nullptr, Activation::kLinear, args.dx});
    }
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
                                const float* filters, const ChannelsOutput& output) const {
  const EvenTiling samples = pixels_sample_tiles(shape, batch);
  const int64_t pixels = shape.window.output_pixels();
  const int64_t tile = job % samples.count;
  const int64_t panel = job / samples.count / pixels % shape.panels();
  const int64_t group = job / samples.count / pixels / shape.panels();
  conv2d_pixel(shape, {samples.first(tile), samples.size(tile), job / samples.count % pixels, panel},
               x + group * shape.channels, filters + group * shape.filters * shape.channels * shape.window.taps(),
               output.of_group(shape, group));
}

}  // namespace gradloom
