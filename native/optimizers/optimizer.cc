#include "optimizers/optimizer.h"

namespace gradloom {

Optimizer::Optimizer(const Spec& spec, double weight_decay)
    : kind_(spec.string("kind")),
      learning_rate_(spec.number("learningRate")),
      weight_decay_(static_cast<float>(weight_decay)) {}

}  // namespace gradloom
