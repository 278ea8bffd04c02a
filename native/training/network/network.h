// The layers of a model in the order in which they run, and its weights. A network is shared by plans, trainers and
// predictions; who may touch the weights when is ruled by its lock (execution contract 3): a step of training takes it
// alone, readers share it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/aligned_buffer.h"
#include "common/fair_mutex.h"
#include "common/parallel.h"
#include "common/shape.h"
#include "common/spec.h"
#include "kernels/work_sizes.h"
#include "layers/layer.h"

namespace gradloom {

struct NetworkInput {
  std::string name;  // layers read it by this name behind an @
  Shape shape;       // of one sample
  // What the layers that read it agree on.
  InputForm form = InputForm::kFloats;
  // Rows of the smallest table that ids name, features of a sparse sample.
  int64_t rows = 0;
};

struct NetworkInputs {
  std::vector<NetworkInput> list;
};

// The architecture: immutable, shared by a network and its copies.
class Architecture {
 public:
  // A layer's input is what the layer before it gives, unless its spec has `inputs`: names of layers before it, or of
  // the network's own inputs. A layer whose spec has `shares`, the name of a layer before it, uses that one's
  // parameters. Throws what make_layer throws, INVALID_SPEC for inputs that do not exist, for an input or a layer, but
  // the last one, that nobody reads, for layers that cannot read what they are given or cannot share.
  Architecture(NetworkInputs inputs, const Spec::List& layers);
  // One input, "input".
  Architecture(const Shape& input_shape, const Spec::List& layers);

  struct Parameter {
    int layer;
    int index;         // within the layer
    std::string name;  // "dense_1.weight"
    Shape shape;       // in files
    int64_t offset;    // in the network's weights, in floats
    ParameterRole role;
    int64_t row_width;  // of a table, else 0
    ElementType element;
    int64_t bytes() const { return shape.size() * bytes_of(element); }
    // In the gradients of a step that knows all of them; -1 for tables, whose rows are updated at once.
    int64_t gradient_offset;
    // By which an optimizer keeps its state: of a table its rows, else as in files.
    Shape rows_shape() const { return row_width == 0 ? shape : Shape{shape.size() / row_width, row_width}; }
    Regularizer regularizer;
  };

  const std::vector<NetworkInput>& inputs() const { return inputs_; }
  int input_count() const { return static_cast<int>(inputs_.size()); }
  // Of the first.
  const Shape& input_shape() const { return inputs_.front().shape; }
  const Shape& output_shape() const { return layers_.empty() ? input_shape() : layers_.back()->output_shape(); }
  const std::vector<std::unique_ptr<Layer>>& layers() const { return layers_; }
  // Values are numbered: first the network's inputs, then what each layer gives.
  const std::vector<int>& inputs_of(int layer) const { return read_[static_cast<size_t>(layer)]; }
  int value_of(int layer) const { return input_count() + layer; }
  // Whether a layer that gives this value, directly or through others, has weights to train.
  bool depends_on_weights(int value) const { return depends_on_weights_[static_cast<size_t>(value)]; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  // The first of a layer's parameters in `parameters()`.
  int first_parameter(int layer) const { return first_parameters_[static_cast<size_t>(layer)]; }
  // Whether a layer has another one's parameters.
  bool shares(int layer) const { return owners_[static_cast<size_t>(layer)] != layer; }
  // Whether a layer's gradients are added to those of a later one, which backward meets first.
  bool adds_gradients(int layer) const { return adds_gradients_[static_cast<size_t>(layer)]; }
  // Whether any layer does whose parameters are more than a table's, which is summed by itself.
  bool shares_gradients() const;
  // The layers that use a parameter, in order.
  std::vector<int> users_of(int parameter) const;
  // Floats of the buffer of all weights, in which each parameter is aligned to a cache line.
  int64_t weights_size() const { return weights_size_; }
  // The same without tables.
  int64_t gradients_size() const { return gradients_size_; }
  // Of the products in a forward pass of one sample.
  int64_t forward_flops() const;
  const PredictionShape& prediction_shape() const;
  // Forward, the gradients of weights that are not frozen and those of inputs that depend on weights to train.
  int64_t training_flops() const;
  int64_t training_flops(int layer) const;

  // From and to floats in the layout of files. `values` has the size of the parameter; tables of bfloat16 are rounded
  // to nearest.
  void export_parameter(int parameter, const float* storage, float* values) const;
  void import_parameter(int parameter, const float* values, float* storage) const;
  // The same for another array of floats that is laid out like the parameter.
  void to_file_layout(int parameter, const float* stored, float* file) const;
  void from_file_layout(int parameter, const float* file, float* stored) const;
  // l1 sum |w| + l2 sum w^2 of the weights that are trained.
  bool has_regularizers() const;
  double penalty(const float* weights) const;

 private:
  std::vector<int> find_inputs(const Spec& spec) const;
  int find_layer(const std::string& name) const;
  const Shape& shape_of(int value) const;
  void check_all_read() const;
  void check_form(const Layer& layer, const std::vector<int>& inputs);
  void add_parameters(const Layer& layer);
  void share_parameters(const Layer& layer, int owner);

  std::vector<NetworkInput> inputs_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<std::vector<int>> read_;    // values, by each layer
  std::vector<bool> depends_on_weights_;  // of each value
  std::vector<Parameter> parameters_;
  std::vector<int> first_parameters_;
  std::vector<int> owners_;  // of each layer's parameters
  std::vector<bool> adds_gradients_;
  int64_t weights_size_ = 0;
  int64_t gradients_size_ = 0;
  mutable std::once_flag shape_made_;  // when it is first asked for
  mutable PredictionShape prediction_shape_{};
};

// Who has to bring weights up to date before others read them.
class LazyWeights {
 public:
  virtual ~LazyWeights() = default;
  // Whether `settle` has anything to do.
  virtual bool stale() const = 0;
  virtual void settle() = 0;
};

// The lock of a network's weights, which counts who held it alone: since then they may be others.
class WeightsMutex {
 public:
  void lock() {
    mutex_.lock();
    ++version_;
  }
  void unlock() { mutex_.unlock(); }
  void lock_shared() { mutex_.lock_shared(); }
  void unlock_shared() { mutex_.unlock_shared(); }

  // For who holds it.
  uint64_t version() const { return version_; }

 private:
  FairSharedMutex mutex_;
  uint64_t version_ = 1;
};

class Network {
 public:
  // Initial weights follow from the seed, the order of the parameters and nothing else.
  Network(std::shared_ptr<const Architecture> architecture, uint64_t seed);
  // All weights are 0.
  explicit Network(std::shared_ptr<const Architecture> architecture);

  const Architecture& architecture() const { return *architecture_; }
  const std::shared_ptr<const Architecture>& shared_architecture() const { return architecture_; }
  float* weights() { return weights_.data(); }
  const float* weights() const { return weights_.data(); }

  // A copy of the weights as they are between two steps.
  std::shared_ptr<Network> snapshot();

  // Held alone during a step and while weights are set; readers take a ReadingLock.
  WeightsMutex& lock() { return lock_; }

  // What a layer makes of its weights for passes of this batch size (LayerNeeds::prepared), made when it is first asked
  // for and kept while the weights stay as they are. For who holds the lock.
  // `layer` stands for those of `numbers`, whose parameters it takes: always the same ones of the first.
  std::shared_ptr<const AlignedBuffer> prepared(Team& team, const Layer& layer, std::span<const int> numbers,
                                                int64_t batch, const LayerNeeds& needs);

  // With the lock held. Whoever sets weights, or trains them in another way, lends them to nobody first, so that they
  // are up to date and nobody brings them back.
  LazyWeights* lazy_weights() const { return lazy_weights_; }
  void lend(LazyWeights* to);
  bool stale() const { return lazy_weights_ != nullptr && lazy_weights_->stale(); }
  void settle() {
    if (lazy_weights_ != nullptr) lazy_weights_->settle();
  }

  // Only one run may train a network at a time. begin_training is false when one already does.
  bool begin_training() { return !training_.exchange(true); }
  void end_training() { training_.store(false); }
  bool training() const { return training_.load(); }

 private:
  std::shared_ptr<const Architecture> architecture_;
  AlignedBuffer weights_;
  WeightsMutex lock_;
  LazyWeights* lazy_weights_ = nullptr;
  struct Prepared {
    int layer;
    std::string kernel;  // another one wants something else
    uint64_t version;
    std::shared_ptr<AlignedBuffer> floats;
  };
  std::mutex preparing_;
  std::vector<Prepared> prepared_;
  std::atomic<bool> training_{false};
};

}  // namespace gradloom
