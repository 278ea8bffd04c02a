// Two-dimensional convolution (cross-correlation, as in every framework) over channels-last images, in G groups:
//   z[n, p, k] = b[k] + sum over (r, s, c) of x[n, pixel (r, s) of p, c] w[k, r, s, c],   y = activation(z)
// with k in a group seeing only that group's C/G channels. N: batch; P: output pixels; K: filters; RSC: window size.
//
// Weights are kept as [K, R, S, C/G]; in files [K, C/G, R, S]. Four ways, chosen by kernels/choice.h:
//   conv2d_blas.cc      rows: im2col writes windows as rows, so that forward is columns x w^T, the weight gradient
//                       dz^T x columns and the input gradient col2im(dz x w)
//   conv2d_lanes.cc     images in lanes: the loops of the definition, on padded copies; products for 1x1 windows
//                       (conv2d_pointwise.cc), and plane by plane where each channel has its own filter
//                       (conv2d_depthwise.cc); gradients of weights in conv2d_weight_gradient.cc
//   conv2d_winograd.cc  images in lanes, 3x3 and 5x5 windows: products of transformed tiles
//   conv2d_channels.cc  rows, for a few samples: as in the two above, with filters in the lanes; by Winograd in
//                       conv2d_winograd_channels.cc, of many small groups in conv2d_grouped_channels.cc
#pragma once

#include "common/prefetch.h"
#include "kernels/activation.h"
#include "kernels/choice.h"
#include "kernels/conv2d_channels.h"
#include "kernels/conv2d_direct.h"
#include "kernels/conv2d_direct_gradient.h"
#include "kernels/conv2d_grouped_channels.h"
#include "kernels/conv2d_pointwise.h"
#include "kernels/conv2d_winograd.h"
#include "kernels/max_pool_lanes.h"
#include "kernels/window2d.h"
#include "kernels/winograd_channels.h"
#include "kernels/winograd_channels_gradient.h"
#include "layers/layer.h"

namespace gradloom {

class Conv2d final : public Layer {
 public:
  Conv2d(const Spec& spec, const Shape& input_shape);

  int64_t flops() const override;
  Layout layout(int64_t batch, Layout offered) const override;
  std::unique_ptr<Layer> activated(Activation activation) const override;
  std::unique_ptr<Layer> biased() const override;
  void rescale(Team& team, const float* weights, const double* scale, float* rescaled) const override;
  std::unique_ptr<Layer> in_rows(int64_t batch) const override;
  std::unique_ptr<Layer> in_lanes(int64_t batch) const override;
  std::unique_ptr<Layer> without_gradient(int64_t batch, Phase phase) const override;
  PredictionWork prediction_work(int64_t batch) const override;
  bool pools(int64_t batch, const Window2d& windows) const override;
  LayerNeeds needs(const LayerSetting& setting) const override;
  void prepare(Team& team, int64_t batch, std::span<const float* const> parameters, float* prepared) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;
  void to_file_layout(int parameter, const float* stored, float* file) const override;
  void from_file_layout(int parameter, const float* file, float* stored) const override;

 private:
  // ---- conv2d_blas.cc

  // One group's window rows: im2col's result in `columns`, or the image itself when the convolution is pointwise.
  struct Rows {
    const float* data;
    int64_t stride;
  };

  LayerNeeds needs_rows(const LayerSetting& setting) const;
  void forward_rows(const ForwardArguments& args) const;
  void backward_rows(const BackwardArguments& args) const;
  void activation_backward_rows(const BackwardArguments& args, int64_t first, int64_t pixels) const;
  Rows window_rows(const float* x, int64_t group, int64_t begin, int64_t end, float* columns) const;
  void input_gradient_rows(const BackwardArguments& args, float* columns) const;
  void input_gradient_pointwise(const BackwardArguments& args) const;
  void input_gradient_im2col(const BackwardArguments& args, float* columns) const;
  void parameter_gradients(const BackwardArguments& args) const;
  void partial_gradients(const BackwardArguments& args, int64_t begin, int64_t end, float* columns, float* part) const;
  // Floats of im2col's buffer of one thread.
  int64_t columns_size() const;

  // ---- conv2d_lanes.cc

  LayerNeeds needs_lanes(const LayerSetting& setting) const;
  void prepare_lanes(Team& team, const float* weights, float* packed) const;
  void forward_lanes(const ForwardArguments& args, const float* packed, float* scratch) const;
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
  void convolve_rows(const ForwardBand& band, int64_t first_row, int64_t rows, const Extent2d& extent, float* y) const;
  void forward_pooled_band(const ForwardArguments& args, const ForwardBand& band, float* own) const;
  void backward_lanes(const BackwardArguments& args) const;
  bool packs_filters() const { return !by_products() && !by_planes(); }
  bool pads() const;
  DirectShape forward_shape(const Extent2d& output) const;
  Window2d window_onto(const Extent2d& output) const;
  // The gradient of the output where it is placed for the gradient of the input.
  struct PlacedGradient {
    Extent2d extent;
    int64_t top;  // rows and columns of zeros before it
    int64_t left;
  };
  PlacedGradient placed_gradient(const Extent2d& output) const;
  int64_t padded_floats(int64_t blocks) const;
  int64_t pooled_stripe(const Window2d& windows) const;
  bool takes_maxima(const Window2d& windows) const;
  int64_t stripe_floats(const Window2d& windows) const;
  void pad_input(Team& team, int64_t blocks, const float* x, float* padded) const;
  void pad_image(const float* x, float* padded) const;
  void place_gradient(const Extent2d& output, const float* dz, float* placed) const;
  void activation_backward_lanes(const BackwardArguments& args, float* placed, float* image_sums, float* own) const;
  template <class Visit>
  void for_each_phase(const Extent2d& output, float* packed, Visit visit) const;
  void pack_phases(Team& team, const Extent2d& output, const float* weights, float* packed) const;
  struct PhaseJob {
    int64_t group;
    int64_t tile;  // of channels
    int64_t band;  // of the rows of each phase
    int64_t bands;
    int64_t lanes;  // in use
  };
  void convolve_phases(const Extent2d& output, const PhaseJob& job, const float* placed, float* packed,
                       float* dx) const;
  void input_gradient_lanes(const BackwardArguments& args, const float* placed, float* packed) const;
  const ArgmaxTap* winners_of(const BackwardArguments& args) const;
  bool winners_apply_activation(const Window2d* pooling) const;

  // ---- conv2d_weight_gradient.cc

  bool sums_by_argmax(const Window2d* pooling) const;
  WeightGradientTiles gradient_tiles(const Window2d* pooling, int64_t blocks) const;
  int64_t job_floats(const WeightGradientTiles& tiles, const Window2d* pooling, bool input_gradient) const;
  bool jobs_apply_activation(const BackwardArguments& args) const;
  bool jobs_sum(const BackwardArguments& args) const;
  float sum_of_images(const BackwardArguments& args, const float* image_sums, int64_t filter) const;
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
  void weight_gradient_of_piece(const BackwardArguments& args, const WeightGradientOperands& operands, int64_t group,
                                int64_t job, const PieceSums& sums, float* own) const;
  void activate_step_backward(const BackwardArguments& args, const GradientStep& step) const;
  void argmax_gradient_of_step(const BackwardArguments& args, const GradientStep& step, float* weights,
                               float* bias) const;
  void finish_step_gradient(const BackwardArguments& args, int64_t most_blocks, float* bias, GradientStep& step) const;
  void products_of_step(const BackwardArguments& args, const GradientStep& step, float* weights) const;
  void parameter_gradients_lanes(const BackwardArguments& args, const WeightGradientOperands& operands,
                                 const float* image_sums, float* scratch) const;

  // ---- conv2d_pointwise.cc

  // Whether windows are pixels, with channels and filters enough for products of matrices.
  bool by_products() const;
  bool transposes_input(const Window2d* pooling) const;
  PointwiseShape pointwise_shape(int64_t lanes = kLanes) const;
  template <class Visit>
  void for_each_product(const Pass& pass, Visit visit) const;
  void forward_products(const ForwardArguments& args) const;
  void input_gradient_products(const BackwardArguments& args) const;

  // ---- conv2d_depthwise.cc

  // Whether each of several channels has a filter of its own.
  bool by_planes() const { return groups_ > 1 && channels_per_group() == 1 && filters_per_group() == 1; }
  LayerNeeds needs_planes(const LayerSetting& setting) const;
  void forward_planes(const ForwardArguments& args, float* scratch) const;
  template <class Visit>
  void for_each_phase_of_plane(Visit visit) const;
  void input_gradient_of_plane(int64_t lanes, const float* weights, const float* dz, const Lines& ahead, float* own,
                               float* dx) const;
  bool copies_for_gradient() const;
  void weight_gradient_of_plane(int64_t lanes, const float* x, const float* dz, const Lines& ahead, float* copy,
                                Accumulate accumulate, float* gradient) const;
  int64_t plane_floats(bool input_gradient) const;
  void backward_planes(const BackwardArguments& args) const;
  EvenTiling plane_pieces(int64_t blocks) const;

  // ---- conv2d_grouped_channels.cc

  GroupedShape grouped_shape() const { return {window_, input_shape().back(), filters_, groups_}; }
  LayerNeeds needs_grouped_channels() const;
  int64_t spread_floats(GroupedPass pass) const;
  const float* spread_grouped(Team& team, GroupedPass of, int64_t count, const float* images, float* spread) const;
  void pack_grouped(Team& team, GroupedPass pass, const float* weights, float* packed) const;
  void forward_grouped_channels(const ForwardArguments& args, const float* packed, float* scratch) const;
  Tiling grouped_pieces(int64_t batch, int64_t threads) const;
  void backward_grouped_channels(const BackwardArguments& args) const;

  // ---- conv2d_winograd.cc

  LayerNeeds needs_winograd(const LayerSetting& setting) const;
  void prepare_winograd(Team& team, const WinogradShape& shape, const float* weights, float* u) const;
  void forward_winograd(const ForwardArguments& args, const float* u, float* scratch) const;
  void backward_winograd(const BackwardArguments& args) const;
  WinogradShape winograd_forward_shape(const Extent2d& output) const;
  WinogradShape winograd_input_gradient_shape(const Extent2d& output) const;
  void convolve_winograd(const Pass& pass, const WinogradShape& shape, const float* u, const LaneImages& x,
                         const WinogradOutput& output, float* scratch) const;
  void activation_backward_winograd(const BackwardArguments& args, float* image_sums) const;
  void weight_gradient_winograd(const BackwardArguments& args, const LaneImages& dz, float* shared) const;

  // ---- conv2d_channels.cc

  ChannelsShape channels_shape() const;
  int64_t packed_floats() const;
  ChannelsShape channels_gradient_shape() const;
  static ChannelsShape gradient_shape(const ChannelsShape& shape);
  // Whether the gradient of the input is a convolution of this kind.
  bool flips_windows() const;
  static int64_t channels_padded_floats(const ChannelsShape& shape, int64_t batch);
  int64_t channels_scratch_floats(const ChannelsShape& shape, const LayerSetting& setting) const;
  int64_t channels_filter_floats(const ChannelsShape& shape, int64_t batch) const;
  LayerNeeds needs_channels(const LayerSetting& setting) const;
  void add_needs_channels(const LayerSetting& setting, LayerNeeds& needs) const;
  // Which convolution filters are packed for.
  enum class PackedFor { kForward, kInputGradient };
  // Made already, or else to be made of the weights.
  struct ChannelsFilters {
    const float* prepared;
    PackedFor pass;
    const float* weights;
  };
  void prepare_channels(Team& team, const ChannelsShape& shape, bool winograd, PackedFor pass, const float* weights,
                        float* prepared) const;
  void forward_channels(const ForwardArguments& args, const float* prepared, float* scratch) const;
  struct ChannelsPiece {
    ChannelsShape shape;
    int64_t images;
    int64_t first_input;  // pixels of the batch before it
    int64_t first_output;
  };
  struct ChannelsPieces {
    ChannelsShape shape;
    bool by_rows;  // in place of samples
    Tiling cut;

    ChannelsPiece piece(int64_t index) const;
  };
  ChannelsPieces channels_pieces(int64_t batch, int64_t threads) const;
  void backward_channels(const BackwardArguments& args) const;
  int64_t weight_gradient_jobs(const ChannelsShape& shape) const;
  void weight_gradient_job(const ChannelsShape& shape, int64_t images, int64_t job, const float* x, const float* dz,
                           const ChannelsGradient& gradient) const;
  void complete_parameters(const BackwardArguments& args, float* weights, float* biases) const;
  static const float* pad_images(Team& team, const ChannelsShape& shape, int64_t count, const float* images,
                                 float* padded);
  int64_t channels_jobs(const ChannelsShape& shape) const;
  void convolve_job(const ChannelsShape& shape, int64_t job, const float* x, const float* filters,
                    const ChannelsOutput& output) const;
  void convolve_channels(const Pass& pass, const ChannelsShape& shape, const float* x, const ChannelsOutput& output,
                         const ChannelsFilters& filters, float* scratch) const;

  // ---- conv2d_winograd_channels.cc

  bool channels_by_winograd(int64_t batch) const;
  bool makes_filters_by_part(const ChannelsShape& shape, int64_t batch) const;
  static int64_t transformed_floats(const ChannelsShape& shape);
  int64_t winograd_channels_floats(const ChannelsShape& shape, const LayerSetting& setting) const;
  void add_needs_winograd_channels(const LayerSetting& setting, LayerNeeds& needs) const;
  static void make_winograd_filters(const ChannelsShape& shape, const PanelPart& part, PackedFor pass,
                                    const float* weights, float* packed, float* u);
  void convolve_winograd_channels(const Pass& pass, const ChannelsShape& shape, const float* x,
                                  const ChannelsOutput& output, const ChannelsFilters& filters, float* scratch) const;
  void multiply_parts(Team& team, const ChannelsShape& shape, const WinogradChannels& tiles, const float* x,
                      const ChannelsFilters& filters, const ChannelsOutput& output, float* scratch) const;
  static void multiply_chunks(Team& team, const WinogradChannels& tiles, const float* x, const float* u,
                              const ChannelsOutput& output, float* scratch);
  void backward_winograd_channels(const BackwardArguments& args) const;
  void input_gradient_winograd_channels(const BackwardArguments& args) const;
  void bias_gradient_rows(const BackwardArguments& args, float* own) const;
  void parameter_gradients_winograd_channels(const BackwardArguments& args, const WinogradChannelsGradient& sums,
                                             float* weights, float* biases, float* scratch) const;
  template <class Complete>
  void sum_parts(Team& team, const WinogradChannelsGradient& sums, const float* x, const float* dz, float* gradient,
                 const Complete& complete, float* scratch) const;
  template <class Complete>
  void sum_chunks(Team& team, const WinogradChannelsGradient& sums, const float* x, const float* dz, float* gradient,
                  const Complete& complete, float* scratch) const;

  Conv2dShape conv2d_shape() const;
  Conv2dKernel kernel_for(int64_t batch) const;
  // A copy with this one; null without.
  std::unique_ptr<Layer> by_kernel(std::optional<Conv2dKernel> kernel) const;
  LayerNeeds needs_of_kernel(const LayerSetting& setting) const;
  int64_t prepared_floats(int64_t batch) const;
  // The windows of a pooling over those output pixels alone that lie in one; and these pixels, all without a pooling.
  static Window2d cropped(const Window2d& windows);
  Extent2d computed_output(const Window2d* pooling) const {
    return pooling == nullptr ? window_.output : cropped(*pooling).input;
  }
  // Of y.
  const Extent2d& kept_output(const Window2d* pooling) const {
    return pooling == nullptr ? window_.output : pooling->output;
  }
  // Images of one filter, `stride` floats from block to block.
  struct UnpooledImages {
    float* data;
    int64_t stride;
  };
  float unpool_images(const BackwardArguments& args, const ArgmaxTap* winners, int64_t image, int64_t blocks,
                      const UnpooledImages& to) const;
  // Parts of a batch of samples in rows whose gradients are made one part after the other, so that one finds in a cache
  // what another has read. Bits do not depend on the cut, so there may be fewer for many threads.
  int64_t backward_pieces(int64_t batch, int64_t threads) const;
  // Relu costs nothing where a kernel stores; other activations follow.
  bool activates_at_store() const { return activation_ == Activation::kLinear || activation_ == Activation::kRelu; }
  int64_t channels_per_group() const { return input_shape().back() / groups_; }
  int64_t filters_per_group() const { return filters_ / groups_; }
  int64_t row_length() const { return window_.taps() * channels_per_group(); }
  int64_t weight_count() const { return filters_ * row_length(); }

  Window2d window_;
  int64_t filters_;
  int64_t groups_;
  bool has_bias_;
  Activation activation_;
  bool pointwise_;
  Conv2dKernel kernel_;  // as asked for or that of `in_rows`, `in_lanes` or `without_gradient`; kAuto leaves it to the
                         // batch size
};

}  // namespace gradloom
