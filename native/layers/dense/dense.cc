#include "layers/dense/dense.h"

#include "common/error.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/simd_gemm.h"
#include "layers/dense/lanes.h"
#include "layers/dense/narrow.h"
#include "layers/dense/panels.h"

namespace gradloom {

Dense::Dense(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape),
      dense_{.inputs = input_shape.size(),
             .units = spec.integer("units", 1),
             .has_bias = spec.boolean("bias"),
             .activation = parse_activation(spec.string("activation")),
             .trainable = trainable()},
      kernel_(choose_dense(spec.string("kernel"), label())),
      narrow_(kernel_ == DenseKernel::kPanels && dense_is_narrow(dense_.inputs, dense_.units, dense_.activation)),
      stretches_(kernel_ == DenseKernel::kPanels ? dense_stretches(dense_.inputs, dense_.units) : 1) {
  if (input_shape.rank() != 1) {
    throw Error("SHAPE_MISMATCH", label() + ": takes vectors of features, got samples of shape " +
                                      input_shape.to_string() + "; put a flatten() before it");
  }
  check_gemm_size(dense_.inputs);
  check_gemm_size(dense_.units);
  set_output_shape({dense_.units});
  const Fans fans{dense_.inputs, dense_.units};
  add_parameter({.name = "weight",
                 .shape = {dense_.units, dense_.inputs},
                 .initializer = read_initializer(spec, "weightInitializer", label(), fans),
                 .regularizer = read_regularizer(spec, "weightRegularizer")});
  const Initializer bias = read_initializer(spec, "biasInitializer", label(), fans);
  if (dense_.has_bias) add_parameter({"bias", {dense_.units}, bias});
}

Layout Dense::layout(int64_t batch, Layout offered) const {
  if (narrow_ && fills_lanes(batch)) return Layout::kLanes;
  return kernel_ == DenseKernel::kPanels && dense_reads_lanes(dense_.units) ? offered : Layout::kRows;
}

std::unique_ptr<Layer> Dense::activated(Activation activation) const {
  if (dense_.activation != Activation::kLinear) return nullptr;
  auto layer = std::make_unique<Dense>(*this);
  layer->dense_.activation = activation;
  return layer;
}

template <class Use>
auto Dense::with_algorithm(Layout layout, const Use& use) const {
  if (layout == Layout::kRows) return use(DensePanels(dense_, kernel_, stretches_));
  return narrow_ ? use(DenseNarrow(dense_)) : use(DenseLanes(dense_));
}

LayerNeeds Dense::needs(const LayerSetting& setting) const {
  check_gemm_size(setting.batch);
  return with_algorithm(setting.layout, [&](const DenseAlgorithm& algorithm) { return algorithm.needs(setting); });
}

void Dense::forward(const ForwardArguments& args) const {
  with_algorithm(args.layout, [&](const DenseAlgorithm& algorithm) { algorithm.forward(args); });
}

void Dense::backward(const BackwardArguments& args) const {
  with_algorithm(args.layout, [&](const DenseAlgorithm& algorithm) { algorithm.backward(args); });
}

void Dense::to_file_layout(int parameter, const float* stored, float* file) const {
  if (parameter != 0) return Layer::to_file_layout(parameter, stored, file);
  const Panels panels{dense_.units};
  for (int64_t panel = 0; panel < panels.count(); ++panel) {
    const int64_t first = panels.first(panel) * dense_.inputs;
    transpose(dense_.inputs, panels.width(panel), stored + first, panels.width(panel), file + first, dense_.inputs);
  }
}

void Dense::from_file_layout(int parameter, const float* file, float* stored) const {
  if (parameter != 0) return Layer::from_file_layout(parameter, file, stored);
  const Panels panels{dense_.units};
  for (int64_t panel = 0; panel < panels.count(); ++panel) {
    const int64_t first = panels.first(panel) * dense_.inputs;
    transpose(panels.width(panel), dense_.inputs, file + first, dense_.inputs, stored + first, panels.width(panel));
  }
}

}  // namespace gradloom
