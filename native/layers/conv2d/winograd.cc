#include "layers/conv2d/winograd.h"

#include <algorithm>

#include "common/checked.h"
#include "kernels/conv2d/direct/weight_gradient.h"
#include "kernels/layout/lanes.h"
#include "kernels/pooling/max_pool_lanes.h"
#include "kernels/tiling.h"
#include "kernels/winograd/conv2d_weight_gradient.h"
#include "kernels/winograd/transforms.h"

namespace gradloom {
namespace {

// Filters whose transform is worth a job.
Tiling filter_pieces(const WinogradShape& shape) {
  return tile_rows(shape.filters, shape.form.coefficients() * shape.all_channels());
}

}  // namespace

WinogradShape winograd_forward_shape(const Conv2dDefinition& conv, const Extent2d& output) {
  return {.form = winograd_form(conv.window),
          .window = conv.window.window,
          .rows = {conv.window.window.height, conv.window.stride.height},
          .columns = {conv.window.window.width, conv.window.stride.width},
          .channels = conv.channels_per_group(),
          .filters = conv.filters_per_group(),
          .input = conv.window.input,
          .output = output,
          .map = conv.window.output,
          .dilation = winograd_dilation(conv.window),
          .top = conv.window.padding.top,
          .left = conv.window.padding.left,
          .y = {output}};
}

WinogradShape winograd_input_gradient_shape(const Conv2dDefinition& conv, const Extent2d& output,
                                            const InputPhase& rows, const InputPhase& columns) {
  const Extent2d& window = conv.window.window;
  return {.form = winograd_form(conv.window),
          .window = window,
          .rows = {.count = rows.taps, .first = window.height - 1 - rows.last_tap, .step = rows.tap_step},
          .columns = {.count = columns.taps, .first = window.width - 1 - columns.last_tap, .step = columns.tap_step},
          .channels = conv.filters_per_group(),
          .filters = conv.channels_per_group(),
          .input = output,
          .output = {rows.count, columns.count},
          .map = {rows.count, columns.count},
          .dilation = winograd_dilation(conv.window),
          .top = -rows.start,
          .left = -columns.start,
          .y = {conv.window.input, {rows.first, columns.first}, conv.window.stride}};
}

double winograd_input_gradient_flops(const Conv2dDefinition& conv, const Extent2d& output, int64_t images) {
  double flops = 0;
  for_each_input_gradient(conv, output, [&](const WinogradShape& shape) { flops += winograd_flops(shape, images); });
  return flops;
}

// Square tiles begin at even pixels and hold whole windows of 2x2, whose maxima are taken in registers; but not with
// dilation, when their pixels lie apart.
bool Conv2dWinograd::pools(const Window2d& windows) const {
  return activates_at_store() && winograd_form(conv_.window).square() && windows.window.height == 2 &&
         windows.window.width == 2 && !conv_.window.dilated();
}

LayerNeeds Conv2dWinograd::needs(const LayerSetting& setting) const {
  const Extent2d output = computed_output(setting.pooling);
  const WinogradShape shape = winograd_forward_shape(conv_, output);
  const int64_t threads = setting.threads;
  const auto of_threads = [&](int64_t floats) { return checked_multiply(threads, floats); };
  const int64_t blocks = lane_blocks(setting.batch);
  using Filters = WinogradFilterSource::Form;
  const bool prepared = setting.phase == Phase::kPredicting || prepares_each_pass(setting.batch);
  const int64_t weights = round_up(conv_.weight_count(), kLanes);
  const bool by_part = flips_by_part(output, setting.batch);
  int64_t input_gradient = 0;
  for_each_input_gradient(conv_, output, [&](const WinogradShape& of_phase) {
    const int64_t filters = by_part ? 0 : weights + checked_multiply(conv_.groups, winograd_filter_floats(of_phase));
    const int64_t scratch = winograd_forward_scratch(of_phase, by_part ? Filters::kToFlip : Filters::kTransformed);
    input_gradient = std::max(input_gradient, filters + of_threads(scratch));
  });
  const auto of_groups = [&](double flops) { return static_cast<double>(conv_.groups) * flops; };
  // Fewer threads have larger shares.
  int64_t sums = 0;
  const auto make_room = [&](int64_t team, const auto& gradient) {
    sums = std::max(sums, gradient.scratch() + checked_multiply(team, gradient.thread_scratch()));
  };
  for (int64_t team = 1; team <= threads; ++team) {
    if (WinogradPartGradient::suits(shape, setting.batch, team)) {
      make_room(team, WinogradPartGradient(shape, setting.batch, team));
    } else {
      make_room(team, WinogradWeightGradient(shape, setting.batch, team));
    }
  }
  const int64_t images = blocks * conv_.filters;
  const bool pooled = setting.pooling != nullptr;
  return {
      .kernel = "winograd",
      .flops = KernelFlops{of_groups(winograd_flops(shape, setting.batch)),
                           of_groups(winograd_input_gradient_flops(conv_, output, setting.batch)),
                           of_groups(winograd_weight_gradient_flops(shape, setting.batch))},
      .backward_reads_input = conv_.trainable,
      .backward_reads_output = conv_.activation != Activation::kLinear && !pooled,
      .saved = pooled && runs_backward(setting.phase)
                   ? floats_of_winners(images * plane_floats(setting.pooling->output))
                   : 0,
      .forward_scratch =
          of_threads(winograd_forward_scratch(shape, prepared ? Filters::kTransformed : Filters::kWeights)),
      // The gradient of the biases, sums of planes, then what the two gradients need in turn.
      .backward_scratch = round_up(conv_.filters, kLanes) + round_up(images, kLanes) + std::max(input_gradient, sums)};
}

// Whole vectors, as its coefficients are.
int64_t Conv2dWinograd::prepared_floats() const {
  return checked_multiply(conv_.groups, winograd_filter_floats(winograd_forward_shape(conv_, conv_.window.output)));
}

void Conv2dWinograd::prepare(Team& team, const float* weights, float* prepared) const {
  transform_filters(team, winograd_forward_shape(conv_, conv_.window.output), weights, prepared);
}

bool Conv2dWinograd::prepares_each_pass(int64_t batch) const {
  return !winograd_makes_filters_by_part(winograd_forward_shape(conv_, conv_.window.output), batch);
}

// Phases of a stride would flip the same weights again.
bool Conv2dWinograd::flips_by_part(const Extent2d& output, int64_t batch) const {
  bool by_part = !conv_.window.strided();
  for_each_input_gradient(conv_, output, [&](const WinogradShape& shape) {
    by_part = by_part && winograd_makes_filters_by_part(shape, batch);
  });
  return by_part;
}

void Conv2dWinograd::transform_filters(Team& team, const WinogradShape& shape, const float* weights, float* u) const {
  const Tiling pieces = filter_pieces(shape);
  team.for_each(conv_.groups * pieces.count, [&](int64_t job, int) {
    const int64_t group = job / pieces.count;
    winograd_filters(shape, pieces, job % pieces.count,
                     weights + group * conv_.filters_per_group() * conv_.row_length(),
                     u + group * winograd_filter_floats(shape));
  });
}

void Conv2dWinograd::forward(const ForwardArguments& args, const float* prepared, float* scratch) const {
  const WinogradShape shape = winograd_forward_shape(conv_, computed_output(args.pooling));
  const bool at_store = activates_at_store();
  auto* const winners = reinterpret_cast<ArgmaxTap*>(runs_backward(args.pass.phase) ? args.saved : nullptr);
  const WinogradOutput output{.bias = conv_.has_bias ? args.parameters[1] : nullptr,
                              .activation = at_store ? conv_.activation : Activation::kLinear,
                              .y = args.y,
                              .pooled = args.pooling != nullptr,
                              .winners = winners};
  const LaneImages x{args.x, conv_.channels * plane_floats(shape.input)};
  const WinogradFilterSource filters =
      prepared == nullptr ? WinogradFilterSource{WinogradFilterSource::Form::kWeights, args.parameters[0]}
                          : WinogradFilterSource{WinogradFilterSource::Form::kTransformed, prepared};
  convolve(args.pass, shape, filters, x, output, scratch);
  if (at_store) return;
  const int64_t plane = plane_floats(shape.output);
  const Tiling tiles = tile_rows(lane_blocks(args.pass.batch) * conv_.filters, plane);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    add_bias_and_activate(conv_.activation, {tiles.size(tile), plane, plane}, nullptr,
                          args.y + tiles.first(tile) * plane);
  });
}

// All groups and blocks; of output y: [B][groups K][P][Q][16].
void Conv2dWinograd::convolve(const Pass& pass, const WinogradShape& shape, const WinogradFilterSource& filters,
                              const LaneImages& x, const WinogradOutput& output, float* scratch) const {
  const TileColumns columns(shape, pass.batch);
  const Tiling chunks = winograd_forward_chunks(columns);
  const Tiling shares = winograd_forward_filters(shape, conv_.groups * chunks.count, pass.team.size(), filters.form);
  const int64_t y_group = shape.filters * winograd_output_floats(shape, output);
  const int64_t filter_group = filters.form == WinogradFilterSource::Form::kTransformed
                                   ? winograd_filter_floats(shape)
                                   : conv_.filters_per_group() * conv_.row_length();
  const int64_t of_thread = winograd_forward_scratch(shape, filters.form);
  pass.team.for_each(conv_.groups * chunks.count * shares.count, [&](int64_t job, int thread) {
    const int64_t share = job % shares.count;
    const int64_t chunk = job / shares.count % chunks.count;
    const int64_t group = job / shares.count / chunks.count;
    WinogradOutput of_group = output;
    if (output.bias != nullptr) of_group.bias += group * shape.filters;
    of_group.y += group * y_group;
    if (output.winners != nullptr) of_group.winners += group * y_group;
    of_group.y_block = conv_.groups * y_group;
    conv2d_winograd_forward(shape, columns,
                            {chunks.first(chunk), chunks.size(chunk), shares.first(share), shares.size(share)},
                            x.from(group * (x.block / conv_.groups)), filters.from(group * filter_group), of_group,
                            scratch + thread * of_thread);
  });
}

void Conv2dWinograd::backward(const BackwardArguments& args) const {
  float* const biases = args.scratch;
  float* const plane_sums = biases + round_up(conv_.filters, kLanes);
  float* const shared = plane_sums + round_up(lane_blocks(args.pass.batch) * conv_.filters, kLanes);
  activate_backward(args, plane_sums);
  const LaneImages dz{args.dy, conv_.filters * plane_floats(kept_output(args.pooling)),
                      args.pooling == nullptr ? nullptr : reinterpret_cast<const ArgmaxTap*>(args.saved)};
  if (args.dx != nullptr) input_gradient(args, dz, shared);
  if (!conv_.trainable) return;
  weight_gradient(args, dz, shared);
  if (!conv_.has_bias) return;
  float* const bias = args.gradients.target(1, 0, biases);
  for (int64_t filter = 0; filter < conv_.filters; ++filter)
    bias[filter] = sum_of_planes(args.pass.batch, plane_sums, filter);
  args.gradients.complete(1, 0, conv_.filters, bias);
}

void Conv2dWinograd::input_gradient(const BackwardArguments& args, const LaneImages& dz, float* scratch) const {
  Team& team = args.pass.team;
  const Extent2d output = computed_output(args.pooling);
  const WinogradOutput dx{.activation = Activation::kLinear, .y = args.dx};
  if (flips_by_part(output, args.pass.batch)) {
    return for_each_input_gradient(conv_, output, [&](const WinogradShape& shape) {
      convolve(args.pass, shape, {WinogradFilterSource::Form::kToFlip, args.parameters[0]}, dz, dx, scratch);
    });
  }
  float* const flipped = scratch;
  const int64_t group_weights = conv_.filters_per_group() * conv_.row_length();
  team.for_each(conv_.groups * conv_.window.taps(), [&](int64_t job, int) {
    const int64_t group = job / conv_.window.taps();
    winograd_flip_weights(winograd_forward_shape(conv_, output), job % conv_.window.taps(),
                          args.parameters[0] + group * group_weights, flipped + group * group_weights);
  });
  float* const u = flipped + round_up(conv_.weight_count(), kLanes);
  for_each_input_gradient(conv_, output, [&](const WinogradShape& shape) {
    transform_filters(team, shape, flipped, u);
    convolve(args.pass, shape, {WinogradFilterSource::Form::kTransformed, u}, dz, dx,
             u + conv_.groups * winograd_filter_floats(shape));
  });
}

// dz = dy * activation'(y) in place, unless a pooling's winners say where it goes; and the sum of every plane, for the
// gradient of the bias. Block after block, as all that reads dz.
void Conv2dWinograd::activate_backward(const BackwardArguments& args, float* plane_sums) const {
  const bool sums = conv_.has_bias && conv_.trainable;
  const int64_t plane = plane_floats(kept_output(args.pooling));
  const auto* winners = reinterpret_cast<const ArgmaxTap*>(args.saved);
  if (args.pooling != nullptr && !sums) return;
  const Tiling tiles = tile_rows(lane_blocks(args.pass.batch) * conv_.filters, plane);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    for (int64_t image = tiles.first(tile); image < tiles.first(tile) + tiles.size(tile); ++image) {
      float* const dy = args.dy + image * plane;
      if (args.pooling != nullptr) {
        plane_sums[image] = sum_at_argmax(plane / kLanes, dy, winners + image * plane);
        continue;
      }
      activation_backward(conv_.activation, {1, plane, plane}, args.y + image * plane, dy);
      if (sums) plane_sums[image] = conv2d_bias_gradient(1, plane, plane, dy);
    }
  });
}

// Group after group, since its sums take all threads.
void Conv2dWinograd::weight_gradient(const BackwardArguments& args, const LaneImages& dz, float* scratch) const {
  const WinogradShape shape = winograd_forward_shape(conv_, computed_output(args.pooling));
  const int64_t x_group = shape.channels * plane_floats(shape.input);
  const int64_t group_weights = shape.filters * conv_.row_length();
  const bool by_parts = WinogradPartGradient::suits(shape, args.pass.batch, args.pass.team.size());
  for (int64_t group = 0; group < conv_.groups; ++group) {
    const LaneImages x{args.x + group * x_group, conv_.groups * x_group};
    const LaneImages dz_of_group = dz.from(group * (dz.block / conv_.groups));
    const WinogradWeightGradients gradients{args.gradients, group * group_weights, conv_.row_length()};
    by_parts ? gradient_by_parts(args.pass, shape, x, dz_of_group, scratch, gradients)
             : gradient_by_sums(args.pass, shape, x, dz_of_group, scratch, gradients);
  }
}

void Conv2dWinograd::gradient_by_sums(const Pass& pass, const WinogradShape& shape, const LaneImages& x,
                                      const LaneImages& dz, float* scratch,
                                      const WinogradWeightGradients& gradients) const {
  Team& team = pass.team;
  const WinogradWeightGradient sums(shape, pass.batch, team.size());
  const auto own = [&](int thread) { return scratch + sums.scratch() + thread * sums.thread_scratch(); };
  for (int64_t round = 0; round < sums.rounds(); ++round) {
    team.for_each(sums.input_jobs(), [&](int64_t job, int) { sums.transform_input(round, job, x, scratch); });
    team.for_each(sums.jobs(),
                  [&](int64_t job, int thread) { sums.add_tiles(round, job, x, dz, scratch, own(thread)); });
  }
  if (sums.pieces() > 1) {
    team.for_each(shape.form.coefficients(), [&](int64_t coefficient, int) { sums.add_pieces(coefficient, scratch); });
  }
  const Tiling filters = winograd_gradient_pieces(shape);
  team.for_each(filters.count, [&](int64_t piece, int thread) {
    gradients.make(filters.first(piece), filters.size(piece), own(thread),
                   [&](float* gradient) { winograd_gradient_of_sums(shape, piece, scratch, gradient); });
  });
}

void Conv2dWinograd::gradient_by_parts(const Pass& pass, const WinogradShape& shape, const LaneImages& x,
                                       const LaneImages& dz, float* scratch,
                                       const WinogradWeightGradients& gradients) const {
  const WinogradPartGradient parts(shape, pass.batch, pass.team.size());
  const auto own = [&](int thread) { return scratch + parts.scratch() + thread * parts.thread_scratch(); };
  pass.team.for_each(parts.input_jobs(),
                     [&](int64_t job, int thread) { parts.transform_input(job, x, scratch, own(thread)); });
  const Tiling& filters = parts.filters();
  pass.team.for_each(filters.count, [&](int64_t part, int thread) {
    gradients.make(filters.first(part), filters.size(part), own(thread), [&](float* gradient) {
      parts.make(part, dz, scratch, own(thread) + parts.gradient_floats(), gradient);
    });
  });
}

}  // namespace gradloom
