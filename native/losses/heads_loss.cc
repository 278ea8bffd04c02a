#include "losses/heads_loss.h"

#include <algorithm>

#include "common/error.h"

namespace gradloom {

HeadsLoss::HeadsLoss(const Spec& spec) : Loss(spec) {
  for (const Spec& head : spec.list("heads")) {
    heads_.push_back(
        {head.string("name"), make_loss(head.object("loss")), head.number("weight"), head.integer("size", 1)});
    // A head's sum is divided by the number of samples, as all others are.
    if (heads_.back().loss->ignored_class() || heads_.back().loss->parts() > 0) {
      throw Error("INVALID_SPEC", "heads: head \"" + heads_.back().name + "\" takes a loss of all samples");
    }
    outputs_ += heads_.back().size;
    target_size_ += heads_.back().target_size();
  }
}

void HeadsLoss::check_outputs(const Shape& output_shape) const {
  if (output_shape.size() != outputs_) {
    throw Error("SHAPE_MISMATCH", "heads: they have " + std::to_string(outputs_) + " outputs, the model gives " +
                                      std::to_string(output_shape.size()));
  }
  for (const Head& head : heads_) head.loss->check_outputs(Shape{head.size});
}

void HeadsLoss::check_targets(const float* values, int64_t sample) const {
  for (const Head& head : heads_) {
    if (head.classes() && !(*values >= 0 && *values < static_cast<float>(head.size))) {
      throw Error("LABEL_OUT_OF_RANGE", "target \"" + head.name + "\" of sample " + std::to_string(sample) +
                                            " is no class from 0 to " + std::to_string(head.size - 1));
    }
    values += head.target_size();
  }
}

// Row by row, since a head's columns are together in a row only.
double HeadsLoss::compute(const LossArguments& args) const {
  std::fill_n(args.parts, heads_.size(), 0.0);
  for (int64_t row = 0; row < args.rows; ++row) {
    int64_t first = row * args.columns;
    const float* target = args.targets.values + row * target_size_;
    for (size_t h = 0; h < heads_.size(); ++h) {
      const Head& head = heads_[h];
      const int32_t index = head.classes() ? static_cast<int32_t>(*target) : 0;
      args.parts[h] += head.loss->compute(
          {.rows = 1,
           .columns = head.size,
           .outputs = args.outputs + first,
           .targets = {.classes = head.classes() ? &index : nullptr,
                       .values = head.classes() ? nullptr : target,
                       .weights = args.targets.weights == nullptr ? nullptr : args.targets.weights + row},
           .gradient = args.gradient == nullptr ? nullptr : args.gradient + first,
           .scale = args.scale * static_cast<float>(head.weight)});
      first += head.size;
      target += head.target_size();
    }
  }
  double sum = 0;
  for (size_t h = 0; h < heads_.size(); ++h) {
    if (heads_[h].weight != 0) sum += heads_[h].weight * args.parts[h];
  }
  return sum;
}

}  // namespace gradloom
