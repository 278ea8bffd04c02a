// Specs as TypeScript sends them, with its defaults.
#pragma once

#include <cstdint>
#include <string>

#include "common/error.h"
#include "common/spec.h"

namespace gradloom::test {

// A loss with the options that TypeScript sends by default.
Spec::Object loss(const std::string& kind);

struct DenseOptions {
  int64_t units;
  bool bias = true;
  std::string activation = "linear";
  std::string name = "dense_1";
  std::string kernel = "auto";
};
Spec::Object dense(const DenseOptions& options);

struct Conv2dOptions {
  int64_t filters;
  Spec::List kernel_size = {3, 3};
  Spec::List strides = {1, 1};
  Spec::List dilation = {1, 1};
  Spec padding = "valid";
  int64_t groups = 1;
  bool bias = true;
  std::string activation = "linear";
  std::string name = "conv2d_1";
  std::string kernel = "auto";
};
Spec::Object conv2d(const Conv2dOptions& options);

struct MaxPool2dOptions {
  Spec::List pool_size = {2, 2};
  Spec::List strides = {2, 2};
  Spec::List dilation = {1, 1};
  Spec padding = "valid";
  std::string rounding = "down";
  std::string name = "maxPool2d_1";
};
Spec::Object max_pool2d(const MaxPool2dOptions& options);

struct AveragePool2dOptions {
  Spec::List pool_size = {2, 2};
  Spec::List strides = {2, 2};
  Spec::List dilation = {1, 1};
  Spec padding = "valid";
  std::string rounding = "down";
  std::string count_padding = "exclude";
  std::string name = "averagePool2d_1";
};
Spec::Object average_pool2d(const AveragePool2dOptions& options);

struct BatchNormOptions {
  double momentum = 0.1;
  double epsilon = 1e-5;
  bool scale = true;
  bool shift = true;
  std::string statistics = "batch";
  bool trainable = true;
  std::string name = "batchNorm_1";
};
Spec::Object batch_norm(const BatchNormOptions& options);

struct LayerNormOptions {
  int64_t axes = 1;
  double epsilon = 1e-5;
  bool scale = true;
  bool shift = true;
  std::string name = "layerNorm_1";
};
Spec::Object layer_norm(const LayerNormOptions& options);

struct EmbeddingOptions {
  int64_t rows;
  int64_t units;
  int64_t padding_id = -1;
  std::string name = "embedding_1";
};
Spec::Object embedding(const EmbeddingOptions& options);

struct EmbeddingBagOptions {
  int64_t units;
  std::string pooling = "mean";
  int64_t rows = 0;
  int64_t padding_id = -1;
  std::string name = "embeddingBag_1";
};
Spec::Object embedding_bag(const EmbeddingBagOptions& options);

struct SparseDenseOptions {
  int64_t units;
  bool bias = true;
  std::string activation = "linear";
  std::string name = "sparseDense_1";
};
Spec::Object sparse_dense(const SparseDenseOptions& options);

// Axis -1: the last one.
Spec::Object concat(int64_t axis = -1, const std::string& name = "concat_1");
Spec::Object in_batch_negatives(int64_t count);
Spec::Object threshold(double threshold, double value);
Spec::Object leaky_relu(double slope);
Spec::Object elu(double alpha);
Spec::Object gelu(const std::string& approximate);
Spec::Object dropout(double rate, const std::string& name = "dropout_1");
Spec::Object gaussian_noise(double standard_deviation);
Spec::Object reshape(Spec::List shape);
Spec::Object spatial_dropout(double rate);
Spec::Object upsample2d(Spec::List size);
Spec::Object zero_pad2d(Spec::List padding);
// Layers without attributes: flatten, most activations, global pooling.
// The layer, in a graph, behind these.
Spec::Object reads(Spec::Object spec, Spec::List inputs);
Spec::Object plain_layer(const std::string& kind);

struct AdagradSpec {
  double learning_rate = 0.01;
  double learning_rate_decay = 0;
  double weight_decay = 0;
  double initial_accumulator = 0;
  double epsilon = 1e-10;
  std::string weight_decay_mode = "coupled";
  std::string epsilon_placement = "outside";
  std::string direction = "minimize";
};
Spec::Object adagrad(const AdagradSpec& options);

struct SgdSpec {
  double learning_rate = 0.001;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
  std::string direction = "minimize";
};
Spec::Object sgd(const SgdSpec& options);

// Of the rules with penalties: ftrl, proximalAdagrad, adagradDualAveraging.
struct PenaltySpec {
  double learning_rate = 0.1;
  double initial_accumulator = 0.1;
  double l1 = 0.001;
  double l2 = 0.01;
};
Spec::Object penalized(const std::string& kind, const PenaltySpec& options = {});
Spec::Object rowwise_adagrad();

// The same layer, whose parameters do not train.
Spec::Object frozen(Spec::Object layer);
// With its table in bfloat16.
Spec::Object in_bfloat16(Spec::Object layer);

// Calls `action` and returns "CODE: message" of the Error that it throws, "" when it throws none.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code() + ": " + error.what();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace gradloom::test
