// Conv2d with windows of one pixel, for images in lanes: products of matrices, some pixels of all channels at a time.
#pragma once

#include "kernels/conv2d/pointwise.h"
#include "layers/conv2d/algorithm.h"

namespace gradloom {

class Conv2dPointwise final : public Conv2dInLanes {
 public:
  using Conv2dInLanes::Conv2dInLanes;

  // Whether windows are pixels, with channels and filters enough for products.
  static bool fits(const Conv2dDefinition& conv);

  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args, const float* prepared, float* scratch) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  // The gradients of the weights, cut into jobs.
  struct GradientJobs {
    EvenTiling filters;  // of a group
    EvenTiling pieces;   // of the blocks
  };

  PointwiseShape shape(int64_t lanes = kLanes) const;
  int64_t plane() const { return plane_floats(conv_.window.input); }
  template <class Visit>
  void for_each_product(const Pass& pass, Visit visit) const;
  void input_gradient(const BackwardArguments& args) const;
  GradientJobs gradient_jobs(int64_t blocks) const;
  void parameter_gradients(const BackwardArguments& args) const;
};

}  // namespace gradloom
