#include "layers/conv2d/depthwise.h"

#include <algorithm>
#include <optional>

#include "common/checked.h"
#include "kernels/conv2d/depthwise.h"
#include "kernels/conv2d/direct/weight_gradient.h"
#include "kernels/conv2d/input_phase.h"
#include "kernels/layout/lanes.h"

namespace gradloom {
namespace {

Lines lines_of(const float* plane, int64_t floats) {
  return {reinterpret_cast<const std::byte*>(plane), ceil_divide(floats, kLanes)};
}

// Planes of more floats are not all in L2, where lines need no prefetch.
bool exceed_l2(int64_t floats) {
  constexpr int64_t kFloats = 512 * 1024;
  return floats > kFloats;
}

// A plane as a window meets it.
struct MetPlane {
  const float* x;
  Window2d window;
};

Extent2d with_columns(const Window2d& w) {
  return {w.input.height, (w.output.width - 1) * w.stride.width + (w.window.width - 1) * w.dilation.width + 1};
}

// The columns at its sides cost windows of many taps more than a copy with padding there does; rows beyond an edge are
// left out at no cost.
bool wants_copy(const Window2d& w) {
  return w.window.width > 3 && (w.padding.left > 0 || with_columns(w).width - w.padding.left > w.input.width);
}

int64_t copied_floats(const Window2d& w) { return wants_copy(w) ? plane_floats(with_columns(w)) : 0; }

MetPlane met_plane(const Window2d& window, const float* x, float* copy) {
  if (!wants_copy(window)) return {x, window};
  MetPlane met{copy, window};
  met.window.input = with_columns(window);
  met.window.padding.left = 0;
  place_plane({window.input.height, window.input.height, 0},
              {window.input.width, met.window.input.width, window.padding.left}, x, copy);
  return met;
}

}  // namespace

LayerNeeds Conv2dDepthwise::needs(const LayerSetting& setting) const {
  const int64_t parts = pieces(lane_blocks(setting.batch)).count;
  return {.kernel = "direct-depthwise",
          .backward_reads_input = conv_.trainable,
          .backward_reads_output = conv_.activation != Activation::kLinear,
          .forward_scratch = setting.threads * copied_floats(conv_.window),
          .backward_scratch =
              setting.threads * thread_floats(setting.input_gradient) + PieceGradients::floats(conv_, parts)};
}

// Of the blocks of a batch, whose gradients are added: some where channels are few jobs.
EvenTiling Conv2dDepthwise::pieces(int64_t blocks) const {
  constexpr int64_t kFewestJobs = 16;
  return {blocks, std::clamp<int64_t>(kFewestJobs / conv_.filters, 1, blocks)};
}

void Conv2dDepthwise::forward(const ForwardArguments& args, const float* /*prepared*/, float* scratch) const {
  const int64_t of_input = plane_floats(conv_.window.input);
  const int64_t plane = plane_floats(conv_.window.output);
  const int64_t images = lane_blocks(args.pass.batch) * conv_.filters;
  const bool at_store = activates_at_store();
  const bool larger_than_l2 = exceed_l2(images * of_input);
  const int64_t of_copy = copied_floats(conv_.window);
  args.pass.team.for_each(images, [&](int64_t image, int thread) {
    const int64_t channel = image % conv_.filters;
    const float* const x = args.x + image * of_input;
    float* const y = args.y + image * plane;
    const MetPlane met = met_plane(conv_.window, x, scratch + thread * of_copy);
    conv2d_depthwise_forward(
        met.window, lanes_in_use(args.pass.batch, image / conv_.filters), met.x,
        args.parameters[0] + channel * conv_.row_length(), conv_.has_bias ? args.parameters[1][channel] : 0,
        at_store ? conv_.activation : Activation::kLinear, {y, conv_.window.output.width * kLanes, kLanes},
        larger_than_l2 && image + 1 < images ? lines_of(x + of_input, of_input) : Lines());
    if (!at_store) add_bias_and_activate(conv_.activation, {1, plane, plane}, nullptr, y);
  });
}

// Calls visit(rows' phase, columns' phase, their convolution of the gradient of the output) for each phase of the
// stride (kernels/conv2d/input_phase.h).
template <class Visit>
void Conv2dDepthwise::for_each_phase(Visit visit) const {
  for_each_input_phase(conv_.window, [&](const InputPhase& row, const InputPhase& column) {
    visit(row, column,
          Window2d{.input = conv_.window.output,
                   .output = {row.count, column.count},
                   .window = {row.taps, column.taps},
                   .stride = {1, 1},
                   .dilation = {row.dilation, column.dilation},
                   .padding = {.top = -row.start, .left = -column.start}});
  });
}

// `own`: room for the taps that a phase meets, flipped, and behind it one for a copy of dz.
void Conv2dDepthwise::input_gradient(int64_t lanes, const float* weights, const float* dz, const Lines& ahead,
                                     float* own, float* dx) const {
  const int64_t line = conv_.window.input.width * kLanes;
  const EvenTiling prefetched{ahead.count, phases_of(rows_of(conv_.window)) * phases_of(columns_of(conv_.window))};
  int64_t phase = 0;
  for_each_phase([&](const InputPhase& row, const InputPhase& column, const Window2d& window) {
    for (int64_t r = 0; r < row.taps; ++r) {
      const float* const of_row = weights + (row.last_tap - r * row.tap_step) * conv_.window.window.width;
      for (int64_t s = 0; s < column.taps; ++s) {
        own[r * column.taps + s] = of_row[column.last_tap - s * column.tap_step];
      }
    }
    const MetPlane met = met_plane(window, dz, own + round_up(conv_.row_length(), kLanes));
    const PlaneOutput to{dx + row.first * line + column.first * kLanes, conv_.window.stride.height * line,
                         conv_.window.stride.width * kLanes};
    conv2d_depthwise_forward(met.window, lanes, met.x, own, 0, Activation::kLinear, to,
                             {ahead.at(prefetched.first(phase)), prefetched.size(phase)});
    ++phase;
  });
}

// Whether the gradient of the weights is made from a padded copy: for the direct kernel, and where windows over edges
// cost more, which are many of the small planes' and hold many taps of large windows.
bool Conv2dDepthwise::copies_for_gradient() const {
  constexpr int64_t kLargePlane = 512;
  const bool dear = !depthwise_gradient_fits(conv_.window.window) || conv_.window.taps() > 9 ||
                    conv_.window.input_pixels() < kLargePlane;
  return pads() && dear;
}

void Conv2dDepthwise::weight_gradient(int64_t lanes, const float* x, const float* dz, const Lines& ahead, float* copy,
                                      Accumulate accumulate, float* gradient) const {
  Window2d window = conv_.window;
  if (copies_for_gradient()) {
    pad_plane(x, copy);
    x = copy;
    window.input = forward_shape(conv_.window.output).input;
    window.padding = {};
  }
  if (depthwise_gradient_fits(conv_.window.window)) {
    return conv2d_depthwise_weight_gradient(window, lanes, x, dz, accumulate, gradient, ahead);
  }
  const WeightGradientOperands operands{x, 0, dz, 0, 0, conv_.window.output.width * kLanes, kLanes, 1, lanes};
  conv2d_direct_weight_gradient(forward_shape(conv_.window.output), {0, 1, 0, 1}, operands, accumulate, gradient);
}

// What a thread needs for itself in the backward pass.
int64_t Conv2dDepthwise::thread_floats(bool input_gradient) const {
  int64_t copied =
      conv_.trainable && copies_for_gradient() ? plane_floats(forward_shape(conv_.window.output).input) : 0;
  if (input_gradient) {
    for_each_phase([&](const InputPhase&, const InputPhase&, const Window2d& window) {
      copied = std::max(copied, copied_floats(window));
    });
  }
  return round_up(conv_.row_length(), kLanes) + copied;
}

void Conv2dDepthwise::backward(const BackwardArguments& args) const {
  Team& team = args.pass.team;
  const int64_t of_input = plane_floats(conv_.window.input);
  const int64_t plane = plane_floats(conv_.window.output);
  const int64_t images = lane_blocks(args.pass.batch) * conv_.filters;
  const bool larger_than_l2 = exceed_l2(images * of_input);
  const EvenTiling parts = pieces(lane_blocks(args.pass.batch));
  const int64_t own_floats = thread_floats(args.dx != nullptr);
  std::optional<PieceGradients> gradients;
  if (conv_.trainable) gradients.emplace(conv_, args.gradients, parts.count, args.scratch + team.size() * own_floats);
  team.for_each(conv_.filters * parts.count, [&](int64_t job, int thread) {
    const int64_t channel = job % conv_.filters;
    const int64_t piece = job / conv_.filters;
    float* const own = args.scratch + thread * own_floats;
    double bias = 0;
    for (int64_t block = parts.first(piece); block < parts.first(piece + 1); ++block) {
      const int64_t image = block * conv_.filters + channel;
      const int64_t lanes = lanes_in_use(args.pass.batch, block);
      const float* const x = args.x + image * of_input;
      float* const dz = args.dy + image * plane;
      activation_backward(conv_.activation, {1, plane, plane}, args.y + image * plane, dz);
      if (args.dx != nullptr) {
        input_gradient(lanes, args.parameters[0] + channel * conv_.row_length(), dz,
                       larger_than_l2 && conv_.trainable ? lines_of(x, of_input) : Lines(), own,
                       args.dx + image * of_input);
      }
      if (!gradients) continue;
      if (conv_.has_bias) bias += conv2d_bias_gradient(1, plane, plane, dz);
      // The next plane: of another block, or the first one of the next job.
      const int64_t then = job + 1;
      const int64_t next = block + 1 < parts.first(piece + 1)
                               ? image + conv_.filters
                               : parts.first(then / conv_.filters) * conv_.filters + then % conv_.filters;
      // What it begins with, or what is read last of it: the rest comes by itself.
      Lines ahead;
      if (larger_than_l2 && next < images) {
        ahead =
            args.dx != nullptr ? lines_of(args.dy + next * plane, plane) : lines_of(args.x + next * of_input, of_input);
      }
      const Accumulate accumulate = block == parts.first(piece) ? Accumulate::kOverwrite : Accumulate::kAdd;
      weight_gradient(lanes, x, dz, ahead, own, accumulate, gradients->weights(piece) + channel * conv_.row_length());
    }
    if (gradients && conv_.has_bias) gradients->biases(piece)[channel] = static_cast<float>(bias);
  });
  if (gradients) gradients->complete(team, parts.count);
}

}  // namespace gradloom
