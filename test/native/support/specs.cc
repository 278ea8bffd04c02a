#include "support/specs.h"

namespace gradloom::test {

Spec::Object loss(const std::string& kind) {
  Spec::Object spec{{"kind", kind}};
  if (kind == "huber") spec.emplace("delta", 1);
  if (kind == "smoothL1") spec.emplace("beta", 1);
  if (kind == "sigmoidBinaryCrossEntropy") spec.emplace("positiveWeight", 1);
  if (kind == "softmaxCrossEntropy") {
    spec.emplace("targets", "classes");
    spec.emplace("labelSmoothing", 0);
  }
  return spec;
}

Spec::Object dense(const DenseOptions& options) {
  return {{"kind", "dense"},
          {"name", options.name},
          {"units", options.units},
          {"bias", options.bias},
          {"activation", options.activation},
          {"kernel", options.kernel},
          {"trainable", true},
          {"weightInitializer", Spec::Object{{"kind", "glorotUniform"}}},
          {"biasInitializer", Spec::Object{{"kind", "zeros"}}}};
}

Spec::Object embedding(const EmbeddingOptions& options) {
  return {{"kind", "embedding"},
          {"name", options.name},
          {"rows", options.rows},
          {"units", options.units},
          {"paddingId", options.padding_id},
          {"trainable", true},
          {"weightInitializer", Spec::Object{{"kind", "truncatedNormal"}, {"standardDeviation", 0.05}}}};
}

Spec::Object embedding_bag(const EmbeddingBagOptions& options) {
  return {{"kind", "embeddingBag"},
          {"name", options.name},
          {"units", options.units},
          {"pooling", options.pooling},
          {"rows", options.rows},
          {"paddingId", options.padding_id},
          {"trainable", true},
          {"weightInitializer", Spec::Object{{"kind", "truncatedNormal"}, {"standardDeviation", 0.05}}}};
}

Spec::Object sparse_dense(const SparseDenseOptions& options) {
  return {{"kind", "sparseDense"},
          {"name", options.name},
          {"units", options.units},
          {"bias", options.bias},
          {"activation", options.activation},
          {"trainable", true},
          {"weightInitializer", Spec::Object{{"kind", "glorotUniform"}}},
          {"biasInitializer", Spec::Object{{"kind", "zeros"}}}};
}

Spec::Object conv2d(const Conv2dOptions& options) {
  return {{"kind", "conv2d"},
          {"name", options.name},
          {"filters", options.filters},
          {"kernelSize", options.kernel_size},
          {"strides", options.strides},
          {"dilation", options.dilation},
          {"padding", options.padding},
          {"groups", options.groups},
          {"bias", options.bias},
          {"activation", options.activation},
          {"kernel", options.kernel},
          {"trainable", true},
          {"weightInitializer", Spec::Object{{"kind", "glorotUniform"}}},
          {"biasInitializer", Spec::Object{{"kind", "zeros"}}}};
}

Spec::Object max_pool2d(const MaxPool2dOptions& options) {
  return {{"kind", "maxPool2d"},         {"name", options.name},         {"poolSize", options.pool_size},
          {"strides", options.strides},  {"dilation", options.dilation}, {"padding", options.padding},
          {"rounding", options.rounding}};
}

Spec::Object average_pool2d(const AveragePool2dOptions& options) {
  return {{"kind", "averagePool2d"},       {"name", options.name},
          {"poolSize", options.pool_size}, {"strides", options.strides},
          {"dilation", options.dilation},  {"padding", options.padding},
          {"rounding", options.rounding},  {"countPadding", options.count_padding}};
}

Spec::Object batch_norm(const BatchNormOptions& options) {
  return {{"kind", "batchNorm"},
          {"name", options.name},
          {"momentum", options.momentum},
          {"epsilon", options.epsilon},
          {"scale", options.scale},
          {"shift", options.shift},
          {"statistics", options.statistics},
          {"trainable", options.trainable},
          {"weightInitializer", Spec::Object{{"kind", "constant"}, {"value", 1}}},
          {"biasInitializer", Spec::Object{{"kind", "zeros"}}}};
}

Spec::Object layer_norm(const LayerNormOptions& options) {
  return {{"kind", "layerNorm"},
          {"name", options.name},
          {"axes", options.axes},
          {"epsilon", options.epsilon},
          {"scale", options.scale},
          {"shift", options.shift},
          {"trainable", true},
          {"weightInitializer", Spec::Object{{"kind", "constant"}, {"value", 1}}},
          {"biasInitializer", Spec::Object{{"kind", "zeros"}}}};
}

Spec::Object penalized(const std::string& kind, const PenaltySpec& options) {
  Spec::Object spec = {{"kind", kind},     {"learningRate", options.learning_rate},
                       {"l1", options.l1}, {"initialAccumulator", options.initial_accumulator},
                       {"l2", options.l2}, {"direction", "minimize"}};
  if (kind == "ftrl") spec["beta"] = 1.0;
  if (kind == "proximalAdagrad") spec["epsilon"] = 1e-10;
  return spec;
}

Spec::Object rowwise_adagrad() {
  return {{"kind", "rowwiseAdagrad"}, {"learningRate", 0.1},          {"initialAccumulator", 0.0}, {"epsilon", 1e-8},
          {"weightDecay", 0.0},       {"weightDecayMode", "coupled"}, {"direction", "minimize"}};
}

Spec::Object in_bfloat16(Spec::Object layer) {
  layer["dtype"] = "bfloat16";
  return layer;
}

Spec::Object frozen(Spec::Object layer) {
  layer["trainable"] = false;
  return layer;
}

Spec::Object concat(int64_t axis, const std::string& name) {
  return {{"kind", "concat"}, {"name", name}, {"axis", static_cast<double>(axis)}};
}

Spec::Object in_batch_negatives(int64_t count) {
  return {{"kind", "inBatchNegatives"}, {"name", "inBatchNegatives_1"}, {"count", static_cast<double>(count)}};
}

Spec::Object threshold(double threshold, double value) {
  return {{"kind", "threshold"}, {"name", "threshold_1"}, {"threshold", threshold}, {"value", value}};
}
Spec::Object leaky_relu(double slope) { return {{"kind", "leakyRelu"}, {"name", "leakyRelu_1"}, {"slope", slope}}; }

Spec::Object elu(double alpha) { return {{"kind", "elu"}, {"name", "elu_1"}, {"alpha", alpha}}; }

Spec::Object gelu(const std::string& approximate) {
  return {{"kind", "gelu"}, {"name", "gelu_1"}, {"approximate", approximate}};
}

Spec::Object dropout(double rate, const std::string& name) {
  return {{"kind", "dropout"}, {"name", name}, {"rate", rate}};
}

Spec::Object gaussian_noise(double standard_deviation) {
  return {{"kind", "gaussianNoise"}, {"name", "gaussianNoise_1"}, {"standardDeviation", standard_deviation}};
}

Spec::Object reshape(Spec::List shape) {
  return {{"kind", "reshape"}, {"name", "reshape_1"}, {"shape", std::move(shape)}};
}

Spec::Object spatial_dropout(double rate) {
  return {{"kind", "spatialDropout"}, {"name", "spatialDropout_1"}, {"rate", rate}};
}

Spec::Object upsample2d(Spec::List size) {
  return {{"kind", "upsample2d"}, {"name", "upsample2d_1"}, {"size", std::move(size)}};
}

Spec::Object zero_pad2d(Spec::List padding) {
  return {{"kind", "zeroPad2d"}, {"name", "zeroPad2d_1"}, {"padding", std::move(padding)}};
}

Spec::Object reads(Spec::Object spec, Spec::List inputs) {
  spec["inputs"] = std::move(inputs);
  return spec;
}

Spec::Object plain_layer(const std::string& kind) { return {{"kind", kind}, {"name", kind + "_1"}}; }

Spec::Object adagrad(const AdagradSpec& options) {
  return {{"kind", "adagrad"},
          {"learningRate", options.learning_rate},
          {"learningRateDecay", options.learning_rate_decay},
          {"weightDecay", options.weight_decay},
          {"weightDecayMode", options.weight_decay_mode},
          {"initialAccumulator", options.initial_accumulator},
          {"epsilon", options.epsilon},
          {"epsilonPlacement", options.epsilon_placement},
          {"direction", options.direction}};
}

Spec::Object sgd(const SgdSpec& options) {
  return {{"kind", "sgd"},
          {"learningRate", options.learning_rate},
          {"momentum", options.momentum},
          {"dampening", options.dampening},
          {"nesterov", options.nesterov},
          {"weightDecay", options.weight_decay},
          {"direction", options.direction}};
}

}  // namespace gradloom::test
