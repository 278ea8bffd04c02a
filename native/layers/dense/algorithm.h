// What the algorithms of a dense layer (layers/dense/dense.h) have in common: what they know of it, and their
// interface.
#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/tiling.h"
#include "layers/layer.h"

namespace gradloom {

struct DenseDefinition {
  int64_t inputs;  // I
  int64_t units;   // O
  bool has_bias;
  Activation activation;
  bool trainable;

  int64_t weight_count() const { return inputs * units; }
};

// Refers to its layer's definition, holds no tensors and is made on the stack for each call.
class DenseAlgorithm {
 public:
  explicit DenseAlgorithm(const DenseDefinition& dense) : dense_(dense) {}
  explicit DenseAlgorithm(DenseDefinition&&) = delete;
  DenseAlgorithm(const DenseAlgorithm&) = delete;
  DenseAlgorithm& operator=(const DenseAlgorithm&) = delete;
  virtual ~DenseAlgorithm() = default;

  virtual LayerNeeds needs(const LayerSetting& setting) const = 0;
  virtual void forward(const ForwardArguments& args) const = 0;
  virtual void backward(const BackwardArguments& args) const = 0;

 protected:
  // Calls job(index, thread) for all products, and for the bias as one more: little of both is not worth a round.
  template <class Job>
  void for_gradients(const Pass& pass, int64_t products, Job&& job) const {
    const int64_t jobs = products + (dense_.has_bias ? 1 : 0);
    if (products > 1 || tile_rows(pass.batch, dense_.units).count > 1) return pass.team.for_each(jobs, job);
    for (int64_t index = 0; index < jobs; ++index) job(index, 0);
  }
  // From dz in rows, in place of dy.
  void bias_gradient(const BackwardArguments& args, float* scratch) const;

  const DenseDefinition& dense_;
};

}  // namespace gradloom
