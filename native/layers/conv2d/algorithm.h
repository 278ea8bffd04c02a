// What the algorithms of a conv2d (layers/conv2d/conv2d.h) have in common: what they know of the layer, and their
// interface.
#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/conv2d/direct/direct.h"
#include "kernels/window2d.h"
#include "layers/layer.h"

namespace gradloom {

struct Conv2dDefinition {
  Window2d window;
  int64_t channels;  // of all groups
  int64_t filters;
  int64_t groups;
  bool has_bias;
  Activation activation;
  bool trainable;

  int64_t channels_per_group() const { return channels / groups; }
  int64_t filters_per_group() const { return filters / groups; }
  // Weights of a filter.
  int64_t row_length() const { return window.taps() * channels_per_group(); }
  int64_t weight_count() const { return filters * row_length(); }
  // Of a sample.
  int64_t input_floats() const { return window.input_pixels() * channels; }
  int64_t output_floats() const { return window.output_pixels() * filters; }
  // Of its forward pass by the definition, two a multiply-add.
  int64_t flops() const { return 2 * taps_inside(window) * channels_per_group() * filters; }
  // Whether each of several channels has a filter of its own.
  bool depthwise() const { return groups > 1 && channels == groups && filters == groups; }
};

// Gradients of weights and bias, one set for each piece of a batch: that of the first where the gradient goes, the
// others in `scratch`.
class PieceGradients {
 public:
  // Of `scratch`.
  static int64_t floats(const Conv2dDefinition& conv, int64_t pieces);
  PieceGradients(const Conv2dDefinition& conv, GradientSink& sink, int64_t pieces, float* scratch);

  // Of all filters.
  float* weights(int64_t piece) const { return piece == 0 ? weights_ : scratch_ + piece * conv_.weight_count(); }
  // Null without a bias.
  float* biases(int64_t piece) const;
  // Adds all pieces to the first one and hands it to the sink. bias_pieces: those, from the first on, that have a
  // gradient of the bias.
  void complete(Team& team, int64_t bias_pieces) const;

 private:
  const Conv2dDefinition& conv_;
  GradientSink& sink_;
  int64_t pieces_;
  float* scratch_;
  float* weights_;
  float* biases_;
};

// Refers to its layer's definition, holds no tensors and is made on the stack for each call. One may hand a part of its
// work to another.
class Conv2dAlgorithm {
 public:
  explicit Conv2dAlgorithm(const Conv2dDefinition& conv) : conv_(conv) {}
  explicit Conv2dAlgorithm(Conv2dDefinition&&) = delete;
  Conv2dAlgorithm(const Conv2dAlgorithm&) = delete;
  Conv2dAlgorithm& operator=(const Conv2dAlgorithm&) = delete;
  virtual ~Conv2dAlgorithm() = default;

  // Of its images.
  virtual Layout layout() const = 0;
  // Whether it can take the maxima of these windows, which lie apart.
  virtual bool pools(const Window2d& /*windows*/) const { return false; }
  // But for what `prepare` makes.
  virtual LayerNeeds needs(const LayerSetting& setting) const = 0;
  // Floats that `prepare` makes of the weights, in whole vectors; none by default.
  virtual int64_t prepared_floats() const { return 0; }
  virtual void prepare(Team& /*team*/, const float* /*weights*/, float* /*prepared*/) const {}
  // Whether it makes them before every pass that changes weights or differentiates, too. If not, `forward` makes them
  // part by part there.
  virtual bool prepares_each_pass(int64_t /*batch*/) const { return true; }
  // prepared: what `prepare` made, or null.
  virtual void forward(const ForwardArguments& args, const float* prepared, float* scratch) const = 0;
  virtual void backward(const BackwardArguments& args) const = 0;

 protected:
  // Relu costs nothing where a kernel stores; other activations follow.
  bool activates_at_store() const {
    return conv_.activation == Activation::kLinear || conv_.activation == Activation::kRelu;
  }

  const Conv2dDefinition& conv_;
};

// For images in lanes, which some of these algorithms pool.
class Conv2dInLanes : public Conv2dAlgorithm {
 public:
  using Conv2dAlgorithm::Conv2dAlgorithm;
  Layout layout() const final { return Layout::kLanes; }

 protected:
  bool pads() const;
  // The direct convolution of padded images of which `output` counts.
  DirectShape forward_shape(const Extent2d& output) const;
  void pad_plane(const float* x, float* padded) const;
  // The windows of a pooling over those output pixels alone that lie in one; and these pixels, all without a pooling.
  static Window2d cropped(const Window2d& windows);
  Extent2d computed_output(const Window2d* pooling) const {
    return pooling == nullptr ? conv_.window.output : cropped(*pooling).input;
  }
  // Of y.
  const Extent2d& kept_output(const Window2d* pooling) const {
    return pooling == nullptr ? conv_.window.output : pooling->output;
  }
  // Of one filter, block by block.
  float sum_of_planes(int64_t batch, const float* plane_sums, int64_t filter) const;
};

// For images in rows.
class Conv2dInRows : public Conv2dAlgorithm {
 public:
  using Conv2dAlgorithm::Conv2dAlgorithm;
  Layout layout() const final { return Layout::kRows; }

 protected:
  // For an activation that could not follow the products of a pixel's filters, which may be made apart.
  void activate_rows(const ForwardArguments& args) const;
  // Of `pixels` pixels of the output from `first` on, counted over the batch.
  void activation_backward_rows(const BackwardArguments& args, int64_t first, int64_t pixels) const;
  // Parts of a batch whose gradients are made one part after the other, so that one finds in a cache what another has
  // read. Bits do not depend on the cut, so there may be fewer for many threads.
  int64_t backward_pieces(int64_t batch, int64_t threads) const;
  void complete_parameters(const BackwardArguments& args, float* weights, float* biases) const;
};

}  // namespace gradloom
