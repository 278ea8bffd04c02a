// What the algorithms of a conv2d (layers/conv2d.h) have in common: their interface, and what they know of the layer.
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/conv2d_direct.h"
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
};

// Holds no tensors and is made on the stack for each call; one algorithm may make another of itself to ask it.
class Conv2dAlgorithm {
 public:
  explicit Conv2dAlgorithm(const Conv2dDefinition& definition)
      : window_(definition.window),
        channels_(definition.channels),
        filters_(definition.filters),
        groups_(definition.groups),
        has_bias_(definition.has_bias),
        activation_(definition.activation),
        trainable_(definition.trainable) {}
  virtual ~Conv2dAlgorithm() = default;

  // Whether it can take the maxima of these windows, which lie apart.
  virtual bool pools(const Window2d& /*windows*/) const { return false; }
  // Without what `prepare` makes.
  virtual LayerNeeds needs(const LayerSetting& setting) const = 0;
  // What is made of the weights before a pass, in whole vectors. Unless a training step makes it as it goes.
  virtual int64_t prepared_floats(int64_t /*batch*/) const { return 0; }
  virtual bool prepares_in_training(int64_t /*batch*/) const { return true; }
  virtual void prepare(Team& /*team*/, const float* /*weights*/, float* /*prepared*/) const {}
  // `prepared` is null where a training step makes it as it goes.
  virtual void forward(const ForwardArguments& args, const float* prepared, float* scratch) const = 0;
  virtual void backward(const BackwardArguments& args) const = 0;

 protected:
  Conv2dAlgorithm(const Conv2dAlgorithm&) = default;
  Conv2dAlgorithm& operator=(const Conv2dAlgorithm&) = delete;

  bool trainable() const { return trainable_; }
  int64_t channels_per_group() const { return channels_ / groups_; }
  int64_t filters_per_group() const { return filters_ / groups_; }
  // Of a sample.
  int64_t input_floats() const { return window_.input_pixels() * channels_; }
  int64_t output_floats() const { return window_.output_pixels() * filters_; }
  int64_t row_length() const { return window_.taps() * channels_per_group(); }
  int64_t weight_count() const { return filters_ * row_length(); }
  // Of a sample's forward pass by the definition, two a multiply-add.
  int64_t flops() const { return 2 * taps_inside(window_) * channels_per_group() * filters_; }
  // Relu costs nothing where a kernel stores; other activations follow.
  bool activates_at_store() const { return activation_ == Activation::kLinear || activation_ == Activation::kRelu; }

  Window2d window_;
  int64_t channels_;
  int64_t filters_;
  int64_t groups_;
  bool has_bias_;
  Activation activation_;
  bool trainable_;
};

// For images in lanes, which some of them pool.
class Conv2dInLanes : public Conv2dAlgorithm {
 public:
  using Conv2dAlgorithm::Conv2dAlgorithm;

 protected:
  explicit Conv2dInLanes(const Conv2dAlgorithm& other) : Conv2dAlgorithm(other) {}

  bool pads() const;
  // The direct convolution of padded images of which `output` counts.
  DirectShape forward_shape(const Extent2d& output) const;
  void pad_image(const float* x, float* padded) const;
  // The windows of a pooling over those output pixels alone that lie in one; and these pixels, all without a pooling.
  static Window2d cropped(const Window2d& windows);
  Extent2d computed_output(const Window2d* pooling) const {
    return pooling == nullptr ? window_.output : cropped(*pooling).input;
  }
  // Of y.
  const Extent2d& kept_output(const Window2d* pooling) const {
    return pooling == nullptr ? window_.output : pooling->output;
  }
  // Of one filter, block by block.
  float sum_of_images(int64_t batch, const float* image_sums, int64_t filter) const;
};

// For images in rows.
class Conv2dInRows : public Conv2dAlgorithm {
 public:
  using Conv2dAlgorithm::Conv2dAlgorithm;

 protected:
  explicit Conv2dInRows(const Conv2dAlgorithm& other) : Conv2dAlgorithm(other) {}

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
