// Conv2d by Winograd's F(4, 3) and F(2, 5), for images in lanes: products of transformed tiles. Unlike the
// direct kernel it copies nothing: tiles read padding as zeros.
#pragma once

#include "kernels/conv2d/input_phase.h"
#include "kernels/winograd/conv2d.h"
#include "layers/conv2d/algorithm.h"

namespace gradloom {

// The convolutions of one group: the layer's of which `output` counts, and those that give the gradient of its input,
// one for each phase of its strides (kernels/conv2d/input_phase.h), of flipped weights.
WinogradShape winograd_forward_shape(const Conv2dDefinition& conv, const Extent2d& output);
WinogradShape winograd_input_gradient_shape(const Conv2dDefinition& conv, const Extent2d& output,
                                            const InputPhase& rows, const InputPhase& columns);
// Calls visit(shape) for all of these.
template <class Visit>
void for_each_input_gradient(const Conv2dDefinition& conv, const Extent2d& output, Visit visit) {
  for_each_input_phase(conv.window, [&](const InputPhase& rows, const InputPhase& columns) {
    visit(winograd_input_gradient_shape(conv, output, rows, columns));
  });
}
double winograd_input_gradient_flops(const Conv2dDefinition& conv, const Extent2d& output, int64_t images);

// Of the weights of a group, where the sink wants them.
struct WinogradWeightGradients {
  GradientSink& sink;
  int64_t first;
  int64_t row;  // floats of a filter

  // Calls make_it(where to put that of some filters), which may be `room`.
  template <class MakeIt>
  void make(int64_t filter, int64_t filters, float* room, MakeIt make_it) const {
    const int64_t begin = first + filter * row;
    float* const gradient = sink.target(0, begin, room);
    make_it(gradient);
    sink.complete(0, begin, filters * row, gradient);
  }
};

class Conv2dWinograd final : public Conv2dInLanes {
 public:
  using Conv2dInLanes::Conv2dInLanes;

  bool pools(const Window2d& windows) const override;
  LayerNeeds needs(const LayerSetting& setting) const override;
  int64_t prepared_floats() const override;
  void prepare(Team& team, const float* weights, float* prepared) const override;
  bool prepares_each_pass(int64_t batch) const override;
  void forward(const ForwardArguments& args, const float* prepared, float* scratch) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  // Whether jobs of the gradient of the input flip and transform the filters that they multiply.
  bool flips_by_part(const Extent2d& output, int64_t batch) const;
  void transform_filters(Team& team, const WinogradShape& shape, const float* weights, float* u) const;
  void convolve(const Pass& pass, const WinogradShape& shape, const WinogradFilterSource& filters, const LaneImages& x,
                const WinogradOutput& output, float* scratch) const;
  void input_gradient(const BackwardArguments& args, const LaneImages& dz, float* scratch) const;
  void activate_backward(const BackwardArguments& args, float* plane_sums) const;
  void weight_gradient(const BackwardArguments& args, const LaneImages& dz, float* scratch) const;
  // Of a group.
  void gradient_by_sums(const Pass& pass, const WinogradShape& shape, const LaneImages& x, const LaneImages& dz,
                        float* scratch, const WinogradWeightGradients& gradients) const;
  void gradient_by_parts(const Pass& pass, const WinogradShape& shape, const LaneImages& x, const LaneImages& dz,
                         float* scratch, const WinogradWeightGradients& gradients) const;
};

}  // namespace gradloom
