// FTRL-Proximal (B. McMahan et al., "Ad click prediction: a view from the trenches", KDD 2013), per coordinate:
//   g = -g if direction is 'maximize'
//   sigma = (sqrt(n + g^2) - sqrt(n)) / learningRate;  z = z + g - sigma w;  n = n + g^2
//   w = 0 if |z| <= l1, else -(z - sign(z) l1) / ((beta + sqrt(n)) / learningRate + l2)
// z starts at 0, n at initialAccumulator. An element whose n is 0 has never had a gradient and stays as it is. The
// objective is the loss + l1 |w| + l2/2 w^2; Keras and TensorFlow write l2 w^2, which is twice ours. With l1, l2 and
// beta 0 this is AdaGrad's path. z holds sigmas made with the learning rate, so that must not change between steps.
#pragma once

#include "optimizers/optimizer.h"

namespace gradloom {

struct FtrlRule {
  double initial_accumulator;
  float beta;
  float l1;
  float l2;
  bool maximize;
};

class Ftrl final : public Optimizer {
 public:
  explicit Ftrl(const Spec& spec);

  int64_t divisions() const override { return 3; }
  std::vector<StateSpec> states(const Shape& parameter) const override;
  std::string objection_to_rows(float decay) const override;
  GradientCheck update(const UpdateArguments& args) const override;
  GradientCheck update_rows(const RowUpdateArguments& args) const override;
  void effective_rates(const UpdateArguments& args, float* rates) const override;

 private:
  FtrlRule rule_;
};

}  // namespace gradloom
