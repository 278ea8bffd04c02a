// Layers that make images larger: zeros around them, or every pixel repeated.
#pragma once

#include "kernels/layout/resize2d.h"
#include "layers/layer.h"

namespace gradloom {

// What the two share: a job is one sample in rows, one channel of a block of samples in lanes.
class Resize2d : public Layer {
 public:
  Layout layout(int64_t /*batch*/, Layout offered) const override { return offered; }
  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args) const override;
  void backward(const BackwardArguments& args) const override;

 protected:
  // Throws SHAPE_MISMATCH unless the input is an image.
  Resize2d(const Spec& spec, const Shape& input_shape);
  virtual void resize(const Plane& plane, const float* in, float* out) const = 0;
  virtual void resize_backward(const Plane& plane, const float* dout, float* din) const = 0;

 private:
  template <class Action>
  void for_each_plane(const Pass& pass, Layout layout, Action action) const;
};

class ZeroPad2d final : public Resize2d {
 public:
  ZeroPad2d(const Spec& spec, const Shape& input_shape);

 private:
  void resize(const Plane& plane, const float* in, float* out) const override;
  void resize_backward(const Plane& plane, const float* dout, float* din) const override;

  Padding2d padding_;
};

class Upsample2d final : public Resize2d {
 public:
  Upsample2d(const Spec& spec, const Shape& input_shape);

 private:
  void resize(const Plane& plane, const float* in, float* out) const override;
  void resize_backward(const Plane& plane, const float* dout, float* din) const override;

  Extent2d factor_;
};

}  // namespace gradloom
