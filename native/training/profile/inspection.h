// What a step does to each parameter, in a few numbers: for a look at a run while it goes on. Needs a step that knows
// all its gradients; it changes no bit of it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/aligned_buffer.h"
#include "common/parallel.h"
#include "training/run/learner.h"
#include "training/step/gradient_clip.h"
#include "training/step/step_gradients.h"

namespace gradloom {

// Norms are Euclidean.
struct ParameterFigures {
  int parameter;
  double gradient_norm = 0;  // penalties included, before clipping
  double weight_norm = 0;    // before the step
  double update_norm = 0;
  // Effective rates of the optimizer after the step, over the parameter's elements.
  double smallest_rate = 0;
  double mean_rate = 0;
  double largest_rate = 0;
};

class Inspection {
 public:
  // Buffers of the size of all weights, made once.
  explicit Inspection(const Learner& learner);

  // Around the update of a step.
  void before_update(Team& team, Learner& learner, StepGradients& gradients);
  void after_update(Team& team, Learner& learner);
  // Of the parameters that are trained, and of the last step.
  const std::vector<ParameterFigures>& figures() const { return figures_; }

 private:
  std::vector<const float*> pointers(const Learner& learner, const float* storage) const;

  GradientNorms norms_;
  AlignedBuffer before_;   // weights, then how they moved
  AlignedBuffer scratch_;  // rates of the largest parameter
  std::vector<ParameterFigures> figures_;
};

}  // namespace gradloom
