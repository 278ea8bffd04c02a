// Conv2d on OpenBLAS, for images in rows: im2col writes windows as rows, so that forward is columns x w^T, the weight
// gradient dz^T x columns and the input gradient col2im(dz x w). Right for every shape.
#pragma once

#include "layers/conv2d/algorithm.h"

namespace gradloom {

class Conv2dBlas final : public Conv2dInRows {
 public:
  using Conv2dInRows::Conv2dInRows;

  LayerNeeds needs(const LayerSetting& setting) const override;
  void forward(const ForwardArguments& args, const float* prepared, float* scratch) const override;
  void backward(const BackwardArguments& args) const override;

  // Of dz. `columns`: those of all threads.
  void input_gradient(const BackwardArguments& args, float* columns) const;
  // Floats of im2col's buffer of one thread.
  int64_t columns_size() const;

 private:
  // One group's window rows: im2col's result in `columns`, or the image itself when the convolution is pointwise.
  struct Rows {
    const float* data;
    int64_t stride;
  };
  Rows window_rows(const float* x, int64_t group, int64_t begin, int64_t end, float* columns) const;
  void input_gradient_pointwise(const BackwardArguments& args) const;
  void input_gradient_im2col(const BackwardArguments& args, float* columns) const;
  void parameter_gradients(const BackwardArguments& args) const;
  void partial_gradients(const BackwardArguments& args, int64_t begin, int64_t end, float* columns, float* part) const;
};

}  // namespace gradloom
