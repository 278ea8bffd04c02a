// The gradients of the parameters of Conv2dDirect, in jobs over tiles of filters and channels and pieces of the
// batch: from the gradient of the output or, where a pooling follows, from that of its maxima, which a kernel reads as
// it is (kernels/conv2d/direct/weight_gradient_argmax.h) or which is spread over the pixels that won.
#include <algorithm>

#include "kernels/conv2d/direct/weight_gradient.h"
#include "kernels/conv2d/direct/weight_gradient_argmax.h"
#include "kernels/conv2d/direct/weight_gradient_gemm.h"
#include "kernels/layout/lanes.h"
#include "layers/conv2d/direct.h"

namespace gradloom {

// Whether the kernel reads the gradient of the maxima as it is.
bool Conv2dDirect::sums_by_argmax(const Window2d* pooling) const {
  if (pooling == nullptr) return false;
  const bool squares = pooling->window.height == 2 && pooling->window.width == 2;
  return squares && argmax_gradient_fits(forward_shape(computed_output(pooling)));
}

// Whether the gradient of the weights is made of products with the transposed input.
bool Conv2dDirect::transposes_input(const Window2d* pooling) const {
  const DirectShape shape = forward_shape(computed_output(pooling));
  return !sums_by_argmax(pooling) && gemm_gradient_pays(shape);
}

// What a job of the gradient of the weights needs for itself: the planes over which it spreads the gradient of maxima,
// or transposed pixels. With a gradient of the input, these planes are spread one at a time before.
int64_t Conv2dDirect::job_floats(const WeightGradientTiles& tiles, const Window2d* pooling, bool input_gradient) const {
  const DirectShape shape = forward_shape(computed_output(pooling));
  const bool won = sums_by_argmax(pooling);
  const int64_t transposed = transposes_input(pooling) ? gemm_gradient_scratch(shape, tiles.channels.largest()) : 0;
  const int64_t of_weights = won ? argmax_gradient_scratch(shape) : transposed;
  if (pooling == nullptr) return of_weights;
  const int64_t spread = plane_floats(shape.output);
  if (input_gradient) return std::max(of_weights, spread);
  return of_weights + (won ? 0 : tiles.filters.largest() * tiles.steps.step * spread);
}

WeightGradientTiles Conv2dDirect::gradient_tiles(const Window2d* pooling, int64_t blocks) const {
  const DirectShape shape = forward_shape(computed_output(pooling));
  if (sums_by_argmax(pooling)) return argmax_gradient_tiles(shape, blocks);
  if (transposes_input(pooling)) return gemm_gradient_tiles(shape, blocks);
  return direct_weight_gradient_tiles(shape, blocks);
}

// Whether the jobs of the gradient of the weights apply the derivative of the activation to that of the output, while
// it lies in their caches: where winners do, or where every filter has a single job in each piece of the batch. They
// sum the gradient of the bias then, too.
bool Conv2dDirect::jobs_apply_activation(const BackwardArguments& args) const {
  const WeightGradientTiles tiles = gradient_tiles(args.pooling, lane_blocks(args.pass.batch));
  return args.dx == nullptr && (winners_apply_activation(args.pooling) || tiles.channels.count == 1);
}

void Conv2dDirect::parameter_gradients(const BackwardArguments& args, const WeightGradientOperands& operands,
                                       const float* plane_sums, float* scratch) const {
  Team& team = args.pass.team;
  const WeightGradientTiles tiles = gradient_tiles(args.pooling, operands.blocks);
  const int64_t jobs = tiles.count();
  const bool applies_activation = jobs_apply_activation(args);
  const PieceGradients gradients(conv_, args.gradients, tiles.pieces.count, scratch);
  float* const own = scratch + PieceGradients::floats(conv_, tiles.pieces.count);
  const int64_t of_job = job_floats(tiles, args.pooling, args.dx != nullptr);
  const int64_t biases = conv_.has_bias && !applies_activation ? conv_.filters : 0;
  team.for_each(conv_.groups * jobs + biases, [&](int64_t job, int thread) {
    if (job >= conv_.groups * jobs) {
      const int64_t filter = job - conv_.groups * jobs;
      gradients.biases(0)[filter] = sum_of_planes(args.pass.batch, plane_sums, filter);
      return;
    }
    const int64_t piece = job % jobs / (tiles.filters.count * tiles.channels.count);
    // All tiles of channels meet the same gradient of the output.
    const bool sums_bias = applies_activation && job / tiles.filters.count % tiles.channels.count == 0;
    const PieceSums sums{gradients.weights(piece), sums_bias ? gradients.biases(piece) : nullptr, applies_activation};
    gradient_of_piece(args, operands, job / jobs, job % jobs, sums, own + thread * of_job);
  });
  gradients.complete(team, applies_activation ? tiles.pieces.count : 1);
}

// Some blocks at a time.
void Conv2dDirect::gradient_of_piece(const BackwardArguments& args, const WeightGradientOperands& operands,
                                     int64_t group, int64_t job, const PieceSums& sums, float* own) const {
  const DirectShape shape = forward_shape(computed_output(args.pooling));
  const WeightGradientTiles tiles = gradient_tiles(args.pooling, operands.blocks);
  const int64_t filter_tile = job % tiles.filters.count;
  const int64_t channel_tile = job / tiles.filters.count % tiles.channels.count;
  const int64_t piece = job / tiles.filters.count / tiles.channels.count;
  const WeightRange range{tiles.filters.first(filter_tile), tiles.filters.size(filter_tile),
                          tiles.channels.first(channel_tile), tiles.channels.size(channel_tile)};
  GradientStep step{.shape = shape, .range = range, .filter = group * shape.filters + range.filter, .own = own};
  for (int64_t number = tiles.pieces.first(piece); number < tiles.pieces.first(piece + 1); ++number) {
    step.first = tiles.steps.first(number);
    step.part = operands;
    step.part.blocks = tiles.steps.size(number);
    step.part.lanes = lanes_in_use(args.pass.batch, step.first + step.part.blocks - 1);
    step.part.x += step.first * operands.x_block + group * shape.channels * plane_floats(shape.input);
    step.part.dz += step.first * operands.dz_block + step.filter * operands.dz_channel;
    step.accumulate = number == tiles.pieces.first(piece) ? Accumulate::kOverwrite : Accumulate::kAdd;
    float* const weights = sums.weights + group * shape.filters * conv_.row_length();
    if (sums.applies_activation && !winners_apply_activation(args.pooling)) activate_step_backward(args, step);
    if (sums_by_argmax(args.pooling)) {
      argmax_gradient_of_step(args, step, weights, sums.bias);
    } else {
      finish_step_gradient(args, tiles.steps.step, sums.bias, step);
      products_of_step(args, step, weights);
    }
  }
}

// In place: dz = dy * activation'(y).
void Conv2dDirect::activate_step_backward(const BackwardArguments& args, const GradientStep& step) const {
  const int64_t kept = plane_floats(kept_output(args.pooling));
  for (int64_t k = 0; k < step.range.filters; ++k) {
    const int64_t at = (step.first * conv_.filters + step.filter + k) * kept;
    activation_backward(conv_.activation, {step.part.blocks, kept, conv_.filters * kept}, args.y + at, args.dy + at);
  }
}

// From the gradients of maxima and their winners, as they are.
void Conv2dDirect::argmax_gradient_of_step(const BackwardArguments& args, const GradientStep& step, float* weights,
                                           float* bias) const {
  const int64_t kept = plane_floats(kept_output(args.pooling));
  const int64_t at = (step.first * conv_.filters + step.filter) * kept;
  const ArgmaxGradientOperands maxima{step.part.x,           step.part.x_block,    args.dy + at,
                                      winners_of(args) + at, conv_.filters * kept, step.part.blocks};
  conv2d_argmax_gradient(step.shape, step.range, maxima, step.accumulate, step.own, weights,
                         bias == nullptr ? nullptr : bias + step.filter);
}

// Adds to the gradient of the bias, and spreads the gradient of maxima, where it is all that there is, over the step's
// planes in memory that the thread uses again and again.
void Conv2dDirect::finish_step_gradient(const BackwardArguments& args, int64_t most_blocks, float* bias,
                                        GradientStep& step) const {
  const int64_t plane = plane_floats(step.shape.output);
  const int64_t kept = plane_floats(kept_output(args.pooling));
  const bool unpools = args.pooling != nullptr && args.dx == nullptr;
  const int64_t block = step.range.filters * plane;
  for (int64_t k = 0; k < step.range.filters; ++k) {
    const int64_t image = step.first * conv_.filters + step.filter + k;
    float sum = 0;
    if (unpools) {
      sum = unpool_planes(args, winners_of(args), image, step.part.blocks, {step.own + k * plane, block});
    } else if (bias != nullptr) {
      sum = conv2d_bias_gradient(step.part.blocks, kept, conv_.filters * kept, args.dy + image * kept);
    }
    if (bias == nullptr) continue;
    float& total = bias[step.filter + k];
    total = step.accumulate == Accumulate::kAdd ? total + sum : sum;
  }
  step.room = step.own + (unpools ? most_blocks * block : 0);
  if (!unpools) return;
  step.part.dz = step.own;
  step.part.dz_channel = plane;
  step.part.dz_block = block;
}

void Conv2dDirect::products_of_step(const BackwardArguments& args, const GradientStep& step, float* weights) const {
  if (transposes_input(args.pooling)) {
    return conv2d_gemm_weight_gradient(step.shape, step.range, step.part, step.accumulate, step.room, weights);
  }
  conv2d_direct_weight_gradient(step.shape, step.range, step.part, step.accumulate, weights);
}

}  // namespace gradloom
