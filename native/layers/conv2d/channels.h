// Conv2d for a few samples, in rows and with filters in the SIMD lanes (kernels/conv2d/channels.h). The gradient of the
// input is the same convolution of the padded gradient of the output, with flipped windows, for each phase of the
// stride (kernels/conv2d/input_phase.h); that of few channels is blas.h's, which takes rows too.
#pragma once

#include "common/checked.h"
#include "kernels/conv2d/channels.h"
#include "kernels/layout/lanes.h"
#include "kernels/tiling.h"
#include "layers/conv2d/algorithm.h"

namespace gradloom {

// What these have in common with those by Winograd and pixel by pixel.
class Conv2dFiltersInLanes : public Conv2dInRows {
 public:
  using Conv2dInRows::Conv2dInRows;

 protected:
  ChannelsShape forward_shape() const;
  // The convolution that gives the gradient of the input, for strides of 1. With others its channels are those of each
  // phase.
  static ChannelsShape gradient_shape(const ChannelsShape& shape);
  int64_t group_weights() const { return conv_.filters_per_group() * conv_.row_length(); }
  // Of packed filters, in whole vectors.
  int64_t packed_floats() const { return round_up(conv_.weight_count(), kLanes); }
  // Panels of filters (kernels/conv2d/channels.h), of all groups.
  void pack(Team& team, const float* weights, float* packed) const;
  // The same for the gradient of the input, of all phases of each group.
  void pack_phases(Team& team, const float* weights, float* packed) const;
  // Calls visit(rows' phase, columns' phase, their convolution of the gradient of the output, images of `extent` that
  // begin where its first window does, its packed weights behind those of the first phase).
  template <class Visit>
  static void for_each_phase(const ChannelsShape& shape, const Extent2d& extent, Visit visit) {
    ChannelsShape phase = gradient_shape(shape);
    int64_t packed = 0;
    for_each_input_phase(shape.window, [&](const InputPhase& row, const InputPhase& column) {
      phase.window = {.input = extent,
                      .output = {row.count, column.count},
                      .window = {row.taps, column.taps},
                      .stride = {1, 1},
                      .dilation = {row.dilation, column.dilation},
                      .padding = {}};
      visit(row, column, phase, packed);
      packed += phase.window.taps() * phase.channels * phase.filters;
    });
  }
  // The floats of a padded copy of the images, none where they have no padding.
  static int64_t padded_floats(const ChannelsShape& shape, int64_t batch);
  // Padded copies of the images, or these, if they need none.
  static const float* pad_images(Team& team, const ChannelsShape& shape, int64_t count, const float* images,
                                 float* padded);
  // Of all groups; an activation that spans a pixel's filters follows (activate_rows).
  ChannelsOutput forward_output(const ForwardArguments& args) const;
  // Where gradients of the parameters go, null for those that nobody wants: where the sink has no place for them, at
  // the beginning of the scratch.
  ChannelsGradient parameter_targets(const BackwardArguments& args) const;
  // Of these gradients there, in whole vectors.
  int64_t parameter_floats() const { return round_up(conv_.weight_count(), kLanes) + round_up(conv_.filters, kLanes); }
  // Calls make(group, part of its filters) in jobs.
  template <class Make>
  void for_each_part(Team& team, const ChannelsShape& shape, Make make) const {
    const PanelParts parts(shape, ceil_divide(team.size(), conv_.groups));
    team.for_each(conv_.groups * parts.count(), [&](int64_t job, int) {
      const PanelPart part = parts.part(job % parts.count());
      if (part.filters > 0) make(job / parts.count(), part);
    });
  }
  int64_t weight_gradient_jobs(const ChannelsShape& shape) const;
  void weight_gradient_job(const ChannelsShape& shape, int64_t images, int64_t job, const float* x, const float* dz,
                           const ChannelsGradient& gradient) const;
};

class Conv2dChannels final : public Conv2dFiltersInLanes {
 public:
  using Conv2dFiltersInLanes::Conv2dFiltersInLanes;

  LayerNeeds needs(const LayerSetting& setting) const override;
  int64_t prepared_floats() const override;
  void prepare(Team& team, const float* weights, float* prepared) const override;
  void forward(const ForwardArguments& args, const float* prepared, float* scratch) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  struct Piece {
    ChannelsShape shape;
    int64_t images;
    int64_t first_input;  // pixels of the batch before it
    int64_t first_output;
  };
  struct Pieces {
    ChannelsShape shape;
    bool by_rows;  // in place of samples
    Tiling cut;

    Piece piece(int64_t index) const;
  };

  // Jobs of a convolution: of each image and group all panels and bands of rows.
  struct Jobs {
    int64_t images;
    int64_t groups;
    int64_t panels;
    int64_t bands;
    bool by_panel;  // rather than image by image

    struct Job {
      int64_t image;
      int64_t group;
      int64_t panel;
      int64_t band;
    };
    int64_t count() const { return images * groups * panels * bands; }
    Job job(int64_t index) const;
  };

  // Whether the gradient of the input is made of convolutions of this kind.
  bool flips_windows() const;
  int64_t backward_floats(const LayerSetting& setting) const;
  Pieces pieces(int64_t batch, int64_t threads) const;
  Jobs jobs(const ChannelsShape& shape, int64_t images, int64_t bands) const;
  // What the phases of the gradient of the input read, padded for all of them.
  static ChannelsShape padded_gradient(const ChannelsShape& shape);
  Jobs input_gradient_jobs(const ChannelsShape& shape, int64_t images) const;
  void input_gradient_job(const ChannelsShape& shape, const Jobs& jobs, int64_t index, const float* padded_dz,
                          const float* packed, float* dx) const;
};

}  // namespace gradloom
