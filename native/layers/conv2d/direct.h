// Conv2d by the direct kernel, for images in lanes: the loops of the definition. Padding is done by copies: taps then
// never fall outside, and the kernel has no edges to care for. The gradient of the input is one convolution of the
// padded gradient of the output for each phase of the stride (kernels/conv2d/input_phase.h).
// direct_weight_gradient.cc has the gradients of the parameters.
// B: blocks of 16 samples; H', W': of the padded input.
#pragma once

#include "kernels/conv2d/direct/weight_gradient.h"
#include "kernels/pooling/max_pool_lanes.h"
#include "layers/conv2d/algorithm.h"

namespace gradloom {

class Conv2dDirect final : public Conv2dInLanes {
 public:
  using Conv2dInLanes::Conv2dInLanes;

  // Any windows: those of 2x2 in registers, others of rows just written.
  bool pools(const Window2d& /*windows*/) const override { return true; }
  LayerNeeds needs(const LayerSetting& setting) const override;
  int64_t prepared_floats() const override { return round_up(conv_.weight_count(), kLanes); }
  void prepare(Team& team, const float* weights, float* prepared) const override;
  void forward(const ForwardArguments& args, const float* prepared, float* scratch) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  // A job's rows of a tile of filters; where maxima are taken, rows of these.
  struct ForwardBand {
    const DirectShape& shape;
    const float* x;       // of the group
    const float* packed;  // of the group
    const float* bias;    // of the group, may be null
    int64_t tile;
    int64_t filters;
    int64_t lanes;
    int64_t image;  // of the output, the first filter's
    int64_t first_row;
    int64_t rows;

    // What the window of an output row begins at.
    const float* input(int64_t row) const { return x + row * shape.stride.height * shape.input.width * kLanes; }
  };
  // Of a copy of the gradient of the output, which the gradient of the input reads.
  struct GradientPadding {
    Extent2d extent;  // with it
    int64_t top;      // rows and columns of zeros before it
    int64_t left;
  };
  struct PhaseJob {
    int64_t group;
    int64_t tile;  // of channels
    int64_t band;  // of the rows of each phase
    int64_t bands;
    int64_t lanes;  // in use
  };
  // Planes of one filter, `stride` floats from block to block.
  struct UnpooledPlanes {
    float* data;
    int64_t stride;
  };

  int64_t padded_floats(int64_t blocks) const;
  void pad_input(Team& team, int64_t blocks, const float* x, float* padded) const;
  int64_t pooled_stripe(const Window2d& windows) const;
  bool takes_maxima(const Window2d& windows) const;
  int64_t stripe_floats(const Window2d& windows) const;
  void convolve_rows(const ForwardBand& band, int64_t first_row, int64_t rows, const Extent2d& extent, float* y) const;
  void forward_pooled_band(const ForwardArguments& args, const ForwardBand& band, float* own) const;

  Window2d window_onto(const Extent2d& output) const;
  GradientPadding gradient_padding(const Extent2d& output) const;
  void pad_gradient(const Extent2d& output, const float* dz, float* padded_dz) const;
  void activate_backward(const BackwardArguments& args, float* padded_dz, float* plane_sums, float* own) const;
  const ArgmaxTap* winners_of(const BackwardArguments& args) const;
  bool winners_apply_activation(const Window2d* pooling) const;
  float unpool_planes(const BackwardArguments& args, const ArgmaxTap* winners, int64_t plane, int64_t blocks,
                      const UnpooledPlanes& to) const;
  template <class Visit>
  void for_each_phase(const Extent2d& output, float* packed, Visit visit) const;
  void pack_phases(Team& team, const Extent2d& output, const float* weights, float* packed) const;
  void convolve_phases(const Extent2d& output, const PhaseJob& job, const float* padded_dz, float* packed,
                       float* dx) const;
  void input_gradient(const BackwardArguments& args, const float* padded_dz, float* packed) const;

  // ---- direct_weight_gradient.cc

  // Where the gradients of a piece of the batch go, and whether its jobs apply the derivative of the activation.
  struct PieceSums {
    float* weights;
    float* bias;  // null where another job sums it, or none
    bool applies_activation;
  };
  // What a job adds at once.
  struct GradientStep {
    DirectShape shape;
    WeightRange range;
    int64_t filter;     // the first one, of all groups
    float* own;         // the job's memory
    int64_t first = 0;  // of its blocks
    WeightGradientOperands part{};
    Accumulate accumulate = Accumulate::kOverwrite;
    float* room = nullptr;  // of its memory what is free
  };
  bool sums_by_argmax(const Window2d* pooling) const;
  bool transposes_input(const Window2d* pooling) const;
  WeightGradientTiles gradient_tiles(const Window2d* pooling, int64_t blocks) const;
  int64_t job_floats(const WeightGradientTiles& tiles, const Window2d* pooling, bool input_gradient) const;
  bool jobs_apply_activation(const BackwardArguments& args) const;
  void parameter_gradients(const BackwardArguments& args, const WeightGradientOperands& operands,
                           const float* plane_sums, float* scratch) const;
  void gradient_of_piece(const BackwardArguments& args, const WeightGradientOperands& operands, int64_t group,
                         int64_t job, const PieceSums& sums, float* own) const;
  void activate_step_backward(const BackwardArguments& args, const GradientStep& step) const;
  void argmax_gradient_of_step(const BackwardArguments& args, const GradientStep& step, float* weights,
                               float* bias) const;
  void finish_step_gradient(const BackwardArguments& args, int64_t most_blocks, float* bias, GradientStep& step) const;
  void products_of_step(const BackwardArguments& args, const GradientStep& step, float* weights) const;
};

}  // namespace gradloom
