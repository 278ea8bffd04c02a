// Two or more inputs side by side along one axis, the last one unless its number says another; all others must agree.
// Those that lie in the output already (Layer::column_of), and their gradients, are not copied.
#pragma once

#include <span>

#include "layers/layer.h"

namespace gradloom {

class Concat final : public Layer {
 public:
  Concat(const Spec& spec, std::span<const Shape> input_shapes);

  // Channels are innermost in rows and blocks of images in lanes, so that any other axis is joined in rows. So are
  // vectors: some may lie there already, and most layers behind want rows.
  Layout layout(int64_t batch, Layout offered) const override;
  LayerNeeds needs(const LayerSetting& setting) const override;
  int64_t column_of(size_t input) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 private:
  // Each input is so many stretches of floats that are joined one by one.
  int64_t stretches(Layout layout, int64_t batch) const;
  int64_t length(Layout layout, const Shape& shape) const;
  struct Stretch;
  template <class Needs, class Copy>
  void for_copies(Team& team, Layout layout, int64_t batch, Needs needs, Copy copy) const;

  int axis_;
};

}  // namespace gradloom
