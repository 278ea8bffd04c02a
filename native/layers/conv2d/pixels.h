// Conv2d of small maps, in rows and with filters in the SIMD lanes: a product of samples for each pixel of the output
// (kernels/conv2d/pixels.h). The gradient of the input is the same convolution of the gradient of the output, with
// flipped windows, for each phase of the stride (kernels/conv2d/input_phase.h).
#pragma once

#include "kernels/conv2d/pixels.h"
#include "layers/conv2d/channels.h"

namespace gradloom {

class Conv2dPixels final : public Conv2dFiltersInLanes {
 public:
  using Conv2dFiltersInLanes::Conv2dFiltersInLanes;

  LayerNeeds needs(const LayerSetting& setting) const override;
  int64_t prepared_floats() const override { return packed_floats(); }
  void prepare(Team& team, const float* weights, float* prepared) const override;
  void forward(const ForwardArguments& args, const float* prepared, float* scratch) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  int64_t jobs(const ChannelsShape& shape, int64_t batch) const;
  void convolve_job(const ChannelsShape& shape, int64_t batch, int64_t job, const float* x, const float* filters,
                    const ChannelsOutput& output, const SampleSteps& steps) const;
  int64_t input_gradient_jobs(int64_t batch) const;
  void input_gradient_job(int64_t batch, int64_t job, const float* dz, const float* packed, float* dx) const;
};

}  // namespace gradloom
