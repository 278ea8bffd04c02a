// Conv2d with a filter of its own for each of several channels, for images in lanes. There is little to compute for
// each float that comes from memory, so everything is done to a plane, 16 samples of a channel, while it is in a
// thread's caches, and the next one's input is prefetched meanwhile.
#pragma once

#include "common/prefetch.h"
#include "kernels/gemm/gemm.h"
#include "kernels/tiling.h"
#include "layers/conv2d/algorithm.h"

namespace gradloom {

class Conv2dDepthwise final : public Conv2dInLanes {
 public:
  using Conv2dInLanes::Conv2dInLanes;

  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args, const float* prepared, float* scratch) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  EvenTiling pieces(int64_t blocks) const;
  template <class Visit>
  void for_each_phase(Visit visit) const;
  void input_gradient(int64_t lanes, const float* weights, const float* dz, const Lines& ahead, float* own,
                      float* dx) const;
  bool copies_for_gradient() const;
  void weight_gradient(int64_t lanes, const float* x, const float* dz, const Lines& ahead, float* copy,
                       Accumulate accumulate, float* gradient) const;
  int64_t thread_floats(bool input_gradient) const;
};

}  // namespace gradloom
