// The end of a step that knows all gradients: penalties, clipping, then the update of every parameter.
#pragma once

#include <memory>
#include <vector>

#include "common/aligned_buffer.h"
#include "common/parallel.h"
#include "training/run/learner.h"
#include "training/step/gradient_clip.h"
#include "training/step/step_gradients.h"

namespace gradloom {

class UpdateAll {
 public:
  explicit UpdateAll(const Learner& learner);

  // The running statistics of one batch of a step of several, which are not averaged.
  void assign_statistics(Learner& learner, StepGradients& gradients);
  // Adds the gradients of penalties.
  void regularize(Team& team, const Learner& learner, StepGradients& gradients);
  // The last parameter whose gradient or weight is not finite, or -1. A weight counts because behind an activation
  // that saturates it shows neither in the loss nor in a gradient.
  int find_not_finite(Team& team, const Learner& learner, StepGradients& gradients);
  // Updates everything, for a step that learner.steps + 1 names.
  void run(Team& team, Learner& learner, StepGradients& gradients);

 private:
  void clip(Team& team, const Learner& learner, StepGradients& gradients);
  void update_by_element(Team& team, Learner& learner, int parameter, float* gradient);
  void update_in_file_layout(Team& team, Learner& learner, int parameter, const float* gradient);

  std::unique_ptr<GradientNorms> norms_;
  std::vector<const float*> clipped_;  // gradients by parameter, null where there is none
  // A parameter and its gradient in the layout of files, for optimizers that need rows or all of it.
  AlignedBuffer weight_;
  AlignedBuffer gradient_;
};

}  // namespace gradloom
