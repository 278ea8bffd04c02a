#include "training/step/gradient_sinks.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/prefetch.h"
#include "common/random.h"
#include "kernels/embedding/bfloat16.h"
#include "kernels/embedding/embedding.h"

namespace gradloom {
namespace {

GradientCheck assign(int64_t count, const float* values, float* target) {
  std::copy_n(values, count, target);
  const bool finite = std::all_of(values, values + count, [](float v) { return std::isfinite(v); });
  return finite ? GradientCheck::kFinite : GradientCheck::kNotFinite;
}

const Architecture::Parameter& parameter_of(const Learner& learner, int parameter) {
  return learner.network().architecture().parameters()[static_cast<size_t>(parameter)];
}

}  // namespace

void regularize(const Learner& learner, const Stretch& stretch, const float* weights, float* gradient) {
  const auto& parameter = parameter_of(learner, stretch.parameter);
  if (parameter.role != ParameterRole::kTrained || parameter.regularizer.none()) return;
  const auto [l1, l2] = parameter.regularizer;
  const float* w = weights + parameter.offset + stretch.first;
  for (int64_t i = 0; i < stretch.count; ++i) {
    const float sign = static_cast<float>(w[i] > 0) - static_cast<float>(w[i] < 0);
    gradient[i] += l1 * sign + 2 * l2 * w[i];
  }
}

void clip_by_value(const Learner& learner, int64_t count, float* gradient) {
  if (!learner.clip().by_value()) return;
  const auto limit = static_cast<float>(learner.clip().limit);
  // Written so that NaN stays NaN.
  for (int64_t i = 0; i < count; ++i) {
    const float g = gradient[i];
    gradient[i] = g > limit ? limit : g < -limit ? -limit : g;
  }
}

GradientCheck update_stretch(Learner& learner, const Stretch& stretch, const float* gradient, uint64_t step,
                             const DueProduct* product) {
  const auto& [p, first, count] = stretch;
  const auto& parameter = parameter_of(learner, p);
  float* weight = learner.network().weights() + parameter.offset + first;
  if (parameter.role == ParameterRole::kStatistic) return assign(count, gradient, weight);
  std::array<float*, kMostStates> states{};
  for (size_t i = 0; i < learner.states(p).size(); ++i) states.at(i) = learner.state(p, i) + first;
  return learner.optimizer(p).update({.count = count,
                                      .weight = weight,
                                      .gradient = gradient,
                                      .states = states.data(),
                                      .step = step,
                                      .learning_rate = learner.rate_of(p),
                                      .weight_decay = learner.settings(p).weight_decay,
                                      .product = product,
                                      .from_memory = learner.outgrows_caches()});
}

GradientCheck update_rows(Learner& learner, int parameter, const RowGradients& rows, uint64_t step,
                          float* hogwild_buffer) {
  clip_by_value(learner, rows.count * rows.width, rows.values);
  const size_t count = learner.states(parameter).size();
  std::array<float*, kMostStates> states{};
  int64_t kept_bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    states.at(i) = learner.state(parameter, i);
    kept_bytes += learner.states(parameter)[i].shape.size() * static_cast<int64_t>(sizeof(float));
  }
  const Architecture::Parameter& table = parameter_of(learner, parameter);
  float* stored = learner.network().weights() + table.offset;
  RowUpdateArguments update{.count = rows.count,
                            .width = rows.width,
                            .rows = rows.rows,
                            .coming = rows.coming,
                            .table = stored,
                            .gradient = rows.values,
                            .states = states.data(),
                            .state_count = count,
                            .step = step,
                            .learning_rate = learner.rate_of(parameter),
                            .weight_decay = learner.settings(parameter).weight_decay,
                            .hogwild_buffer = hogwild_buffer,
                            .from_memory = exceeds_l3(table.bytes() + kept_bytes)};
  const Optimizer& rule = learner.optimizer(parameter);
  if (table.element == ElementType::kFloat32) return rule.update_rows(update);
  // Rules know floats: these rows become some, and go back rounded by numbers of this step.
  update.table = rows.scratch;
  update.gathered = true;
  gather_rows(as_bfloat16(stored), rows.width, rows.rows, rows.count, update.table, rows.coming);
  const GradientCheck check = rule.update_rows(update);
  const RandomStream random(learner.seed(), RandomPurpose::kRounding, static_cast<uint32_t>(parameter), step);
  round_rows({rows.rows, rows.count, rows.width}, update.table, random, as_bfloat16(stored));
  return check;
}

TableSink::TableSink(Learner& learner, int layer, SharedTables& tables, HogwildBuffers& buffers)
    : learner_(learner),
      first_parameter_(learner.network().architecture().first_parameter(layer)),
      hogwild_buffers_(buffers) {
  const auto& own = learner.network().architecture().layers()[static_cast<size_t>(layer)]->parameters();
  for (size_t p = 0; p < own.size(); ++p) uses_.push_back(tables.use(layer, first_parameter_ + static_cast<int>(p)));
}

void TableSink::begin_rows(int parameter, int64_t touched) {
  if (TableUse* use = uses_[static_cast<size_t>(parameter)]) use->begin_rows(touched);
}

float* TableSink::row_target(int parameter, int64_t first, float* scratch) {
  TableUse* use = uses_[static_cast<size_t>(parameter)];
  return use == nullptr ? scratch : use->row_target(first);
}

void TableSink::complete_rows(int parameter, const RowGradients& rows) {
  if (TableUse* use = uses_[static_cast<size_t>(parameter)]) {
    use->complete_rows(rows);
  } else {
    float* buffer = hogwild_buffers_.of(rows.hogwild_thread);
    note(update_rows(learner_, first_parameter_ + parameter, rows, learner_.steps + 1, buffer));
  }
}

void UpdatingSink::complete(int parameter, int64_t first, int64_t count, float* gradient) {
  const Stretch stretch{first_parameter_ + parameter, first, count};
  if (at(parameter).role == ParameterRole::kTrained) {
    regularize(learner_, stretch, learner_.network().weights(), gradient);
    clip_by_value(learner_, count, gradient);
  }
  note(update_stretch(learner_, stretch, gradient, learner_.steps + 1));
}

void UpdatingSink::complete_product(int parameter, int64_t first, DueProduct product, float* scratch) {
  const auto& updated = at(parameter);
  if (updated.role != ParameterRole::kTrained || !updated.regularizer.none() || learner_.clip().by_value()) {
    return GradientSink::complete_product(parameter, first, product, scratch);
  }
  product.c = scratch;
  const Stretch stretch{first_parameter_ + parameter, first, product.shape.rows * product.shape.columns};
  note(update_stretch(learner_, stretch, scratch, learner_.steps + 1, &product));
}

// Sums are made of what the layer's own memory holds; a statistic is no gradient, and not summed.
float* BufferingSink::target(int parameter, int64_t first, float* scratch) {
  const bool sums =
      (gradients_.sums() || part_ == GradientPart::kFurther) && at(parameter).role != ParameterRole::kStatistic;
  return sums ? scratch : gradients_.values() + at(parameter).gradient_offset + first;
}

void BufferingSink::complete(int parameter, int64_t first, int64_t count, float* gradient) {
  float* values = gradients_.values() + at(parameter).gradient_offset + first;
  if (gradient != values) gradients_.add(count, gradient, values, part_);
}

}  // namespace gradloom
