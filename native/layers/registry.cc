#include "layers/registry.h"

#include <map>

#include "common/error.h"
#include "layers/activation/activation.h"
#include "layers/activation/input_activation.h"
#include "layers/activation/threshold.h"
#include "layers/conv2d/conv2d.h"
#include "layers/dense/dense.h"
#include "layers/interactions/dot.h"
#include "layers/interactions/dot_interaction.h"
#include "layers/interactions/factorization_machine.h"
#include "layers/interactions/in_batch_negatives.h"
#include "layers/merging/add.h"
#include "layers/merging/concat.h"
#include "layers/merging/multiply.h"
#include "layers/normalization/batch_norm.h"
#include "layers/normalization/layer_norm.h"
#include "layers/pooling/average_pool2d.h"
#include "layers/pooling/max_pool2d.h"
#include "layers/random/dropout.h"
#include "layers/random/gaussian_noise.h"
#include "layers/random/spatial_dropout.h"
#include "layers/reshaping/flatten.h"
#include "layers/reshaping/reshape.h"
#include "layers/reshaping/resize2d.h"
#include "layers/tables/embedding.h"
#include "layers/tables/embedding_bag.h"
#include "layers/tables/sparse_dense.h"

namespace gradloom {
namespace {

using Factory = std::unique_ptr<Layer> (*)(const Spec&, std::span<const Shape>);

template <class T>
std::unique_ptr<Layer> make(const Spec& spec, std::span<const Shape> input_shapes) {
  if (input_shapes.size() != 1) {
    throw Error("INVALID_SPEC", "a layer of kind \"" + spec.string("kind") + "\" has one input, got " +
                                    std::to_string(input_shapes.size()));
  }
  return std::make_unique<T>(spec, input_shapes[0]);
}

template <class T>
std::unique_ptr<Layer> make_merging(const Spec& spec, std::span<const Shape> input_shapes) {
  if (input_shapes.size() < 2) {
    throw Error("INVALID_SPEC", "a layer of kind \"" + spec.string("kind") + "\" has at least two inputs");
  }
  return std::make_unique<T>(spec, input_shapes);
}

const std::map<std::string, Factory>& factories() {
  static const std::map<std::string, Factory> table = {
      {"add", make_merging<Add>},
      {"averagePool2d", make<AveragePool2d>},
      {"batchNorm", make<BatchNorm>},
      {"concat", make_merging<Concat>},
      {"conv2d", make<Conv2d>},
      {"dense", make<Dense>},
      {"dot", make_merging<Dot>},
      {"dotInteraction", make<DotInteraction>},
      {"dropout", make<Dropout>},
      {"elu", make<ActivationLayer>},
      {"embedding", make<Embedding>},
      {"embeddingBag", make<EmbeddingBag>},
      {"factorizationMachine", make<FactorizationMachine>},
      {"flatten", make<Flatten>},
      {"gaussianNoise", make<GaussianNoise>},
      {"gelu", make<InputActivationLayer>},
      {"globalAveragePool2d", make<GlobalAveragePool2d>},
      {"globalMaxPool2d", make<GlobalMaxPool2d>},
      {"inBatchNegatives", make_merging<InBatchNegatives>},
      {"layerNorm", make<LayerNorm>},
      {"leakyRelu", make<ActivationLayer>},
      {"logSoftmax", make<ActivationLayer>},
      {"maxPool2d", make<MaxPool2d>},
      {"multiply", make_merging<Multiply>},
      {"relu", make<ActivationLayer>},
      {"reshape", make<Reshape>},
      {"sigmoid", make<ActivationLayer>},
      {"silu", make<InputActivationLayer>},
      {"softmax", make<ActivationLayer>},
      {"softplus", make<InputActivationLayer>},
      {"sparseDense", make<SparseDense>},
      {"spatialDropout", make<SpatialDropout>},
      {"tanh", make<ActivationLayer>},
      {"threshold", make<Threshold>},
      {"upsample2d", make<Upsample2d>},
      {"zeroPad2d", make<ZeroPad2d>},
  };
  return table;
}

}  // namespace

std::unique_ptr<Layer> make_layer(const Spec& spec, std::span<const Shape> input_shapes) {
  const std::string& kind = spec.string("kind");
  const auto found = factories().find(kind);
  if (found == factories().end()) throw Error("UNKNOWN_KIND", "there is no layer of kind \"" + kind + "\"");
  return found->second(spec, input_shapes);
}

std::vector<std::string> layer_kinds() {
  std::vector<std::string> kinds;
  for (const auto& [kind, factory] : factories()) kinds.push_back(kind);
  return kinds;
}

}  // namespace gradloom
