// A network compiled for one batch size: the order of operations and one workspace with every activation, gradient and
// scratch buffer in its place. Running a plan allocates nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/aligned_buffer.h"
#include "common/parallel.h"
#include "datasets/array_samples.h"
#include "datasets/sparse_batch.h"
#include "layers/layer.h"
#include "training/network/network.h"
#include "training/plan/memory_plan.h"
#include "training/profile/step_clock.h"

namespace gradloom {

enum class InputGradient { kNone, kKept };

// Whether the update of weights follows on their gradient, or all gradients are written first.
enum class UpdateBehind { kEach, kAll };

struct PlanOptions {
  int64_t batch;
  Phase phase;
  int threads;  // resolved: what the team will have
  InputGradient input_gradient = InputGradient::kNone;
  Duplicates duplicates = Duplicates::kSum;
};

// What a random layer draws from.
struct RandomState {
  uint64_t seed;
  uint64_t step;
};

// What a pass over `batch` of these samples takes, in floating-point operations that take as long: those of products,
// and the random accesses of the entries of ids and sparse samples.
int64_t forward_work(const Architecture& architecture, const ArraySamples& samples, int64_t batch);
int64_t training_work(const Architecture& architecture, const ArraySamples& samples, int64_t batch);

class Plan {
 public:
  Plan(std::shared_ptr<const Architecture> architecture, const PlanOptions& options);

  int64_t batch() const { return options_.batch; }
  int threads() const { return options_.threads; }
  const Architecture& architecture() const { return *architecture_; }

  // Room for every batch of these samples, so that no step has to make any.
  void reserve(const ArraySamples& samples);
  // Samples order[first], order[first + 1], ... (first, first + 1, ... when order is null), as many as the batch has,
  // become the input, in the form that the network reads; images changed by the augmenter, if there is one.
  void load(Team& team, const ArraySamples& samples, const uint32_t* order, int64_t first,
            const Augmenter* augmenter = nullptr);

  // Where `load` puts an input that the network reads as floats: in the layout that the one layer which reads it wants,
  // in rows for several.
  BatchPlace input(int number = 0);
  const float* output() const { return at(values_[output_].activation); }
  // The gradient of the output: the loss writes it before backward.
  float* output_gradient() { return at(values_[output_].gradient); }
  const float* input_gradient(int number = 0) const { return at(values_[static_cast<size_t>(number)].gradient); }
  // Of an input of sparse samples: its batch, which keeps the gradients of values for plans that keep input gradients.
  const SparseBatch& sparse_input(int number = 0) const { return sparse_[static_cast<size_t>(number)]; }
  // The rows that its loaded batch names, each with its entries.
  const RowGroups& groups(Team& team, int number);
  // Of all inputs whose entries backward takes by groups, or by parts.
  void group_all(Team& team);

  void forward(Team& team, const float* weights, const RandomState& random);
  // For a plan that predicts, before forward: what layers make of their weights, once for many passes. They hold until
  // the network's weights change; for who holds its lock.
  void prepare(Team& team, Network& network);
  void forget_prepared();
  // Floats of that, but for those of layers that one of the `others` has the same kernels for.
  int64_t prepared_floats(std::span<const std::unique_ptr<Plan>> others) const;
  // From the last layer to the first; `sinks` has one entry a layer.
  void backward(Team& team, const float* weights, const RandomState& random,
                const std::vector<std::unique_ptr<GradientSink>>& sinks);

  // Runs forward again and returns the first layer whose output is not finite; kInput when the input already is not.
  int find_non_finite(Team& team, const float* weights, const RandomState& random);
  static constexpr int kInput = -1;
  static constexpr int kNowhere = -2;

  // For model.plan().
  struct Row {
    const char* kernel;
    Layout layout;
    int64_t activation;  // floats
    int64_t saved;
    int64_t scratch;
  };
  Row describe(int layer) const;
  // Times every node from here on, unless it is null.
  void time(StepClock* clock) { clock_ = clock; }
  // What a pass over a node does: the least that its kernel could do it with.
  struct Work {
    double flops = 0;         // of its products, as Layer::flops counts
    double kernel_flops = 0;  // of what its kernel does for them
    double divisions = 0;     // and square roots, of updates
    double bytes = 0;         // each value that it reads or writes once
    double working_set = 0;   // bytes of the memory that these lie in
    double placed_bytes = 0;  // of `bytes`, those in rows of tables, anywhere in the working set
    double row_bytes = 0;     // of one of these rows with what is kept beside it; the longest
    double table_bytes = 0;   // of these tables with what is kept beside them, where they are changed

    void add_rows(double count, double bytes_of_row) {
      bytes += count * bytes_of_row;
      placed_bytes += count * bytes_of_row;
      row_bytes = std::max(row_bytes, bytes_of_row);
    }
  };
  struct NodeWork {
    const Layer* layer;  // null for a conversion
    const char* kernel;
    Work forward;
    Work backward;
    bool runs_backward;
  };
  // What an optimizer has to do with a parameter.
  struct Update {
    int64_t kept = 0;       // floats
    int64_t divisions = 0;  // and square roots, of an element
  };
  // For a plan that trains, after a step. `updates`: by parameter.
  std::vector<NodeWork> work(const std::vector<Update>& updates, UpdateBehind behind) const;
  size_t nodes() const { return nodes_.size(); }

  int64_t workspace_floats() const { return workspace_.size(); }
  int64_t unshared_floats() const { return unshared_size_; }

 private:
  static constexpr int64_t kAbsent = -1;
  static constexpr size_t kNone = static_cast<size_t>(-1);

  // What an operation gives, or an input, in one layout.
  struct Value {
    Shape shape;
    Layout layout;
    bool differentiated;       // somebody needs its gradient
    Shape image;               // of the blocks of lanes: its shape, or that which was flattened
    size_t converted = kNone;  // the same value in the other layout
    // Of the vectors of another value that put these beside others (Plan::join): where, and which columns.
    size_t whole = kNone;
    int64_t column = 0;
    int64_t stretches = 1;         // of an input under any shape, in which it is loaded
    int64_t activation = kAbsent;  // offsets in the workspace
    int64_t gradient = kAbsent;
  };

  struct Input {
    size_t value;
    // Where its part of the value's gradient goes; added to the gradient, unless that is the place itself.
    int64_t gradient = kAbsent;
  };

  // A layer, or the conversion of a value from one layout to another between two layers.
  struct Node {
    const Layer* layer;              // null for a conversion
    int index;                       // of the layer
    std::vector<int> weighted = {};  // numbers of the layers whose parameters it takes
    const Layer* pooling = nullptr;  // a layer behind it, when this one takes its maxima
    std::vector<Input> inputs;
    size_t output;
    LayerNeeds needs;
    bool takes_groups = false;  // in backward, or parts of entries, by Duplicates
    size_t run = 0;
    int64_t saved = kAbsent;
    int64_t forward_scratch = kAbsent;
    int64_t backward_scratch = kAbsent;
    std::shared_ptr<const AlignedBuffer> prepared = nullptr;  // from `prepare` on
    // Of the inputs after the first, filled for each pass.
    std::vector<const float*> others = {};
    std::vector<float*> other_gradients = {};
  };

  float* at(int64_t offset) { return offset == kAbsent ? nullptr : workspace_.data() + offset; }
  const float* at(int64_t offset) const { return offset == kAbsent ? nullptr : workspace_.data() + offset; }
  int64_t floats_of_value(size_t value) const;
  Layout layout_for(const Layer& layer, const Value& first) const;
  int only_reader(int value) const;
  struct Fusion {
    const Layer* layer;
    const Layer* pooling;       // whose maxima it takes, or null
    std::vector<int> done;      // numbers of the layers that it stands for
    std::vector<int> weighted;  // of those, whose parameters it takes
  };
  Fusion fuse(int index, std::unique_ptr<Layer> relaid);
  std::vector<bool> none_of_layers() const { return std::vector<bool>(architecture_->layers().size(), false); }
  template <class Able, class Pays>
  std::vector<bool> runs_of_layers(Able able, Pays pays) const;
  std::vector<bool> layers_in_rows() const;
  std::vector<bool> layers_in_lanes() const;
  void choose_layouts();
  void join(Node& joining);
  const Node* producer_of(size_t value) const {
    return value < sparse_.size() ? nullptr : &nodes_[value - sparse_.size()];
  }
  int64_t times_read(size_t value) const;
  // Nodes [first, end), each done by one thread where there are several.
  struct Run {
    size_t first;
    size_t end;
  };
  void choose_runs();
  bool goes_beside_others(const Node& node) const;
  bool is_small(size_t input, int64_t width = 1) const;
  // Of some inputs, those that threads load, or sort the entries of, several at a time, behind the others.
  struct InputOrder {
    std::vector<size_t> others;
    std::vector<size_t> small;
  };
  void order_inputs();
  void load_in_stretches(size_t input);
  template <class Body>
  void for_inputs(const InputOrder& inputs, Team& team, Body body);
  template <class TakesPart, class Body>
  void for_nodes(const Run& run, Team& team, size_t (*part_of)(size_t node), TakesPart takes_part, Body body);
  int64_t gap_of(const Value& value) const;
  size_t in_layout(size_t value, Layout layout);
  bool is_loaded_in_lanes(size_t value) const;
  size_t add_value(const Shape& shape, Layout layout, bool differentiated, const Shape& image);
  void lay_out();
  void lay_out_activations();
  void lay_out_gradients();
  void lay_out_scratch();
  void place();
  int64_t request(int64_t size, int first, int last);
  void extend(int64_t request, int time);
  // Positions in the order of operations, the same for all nodes of a run; the inputs are there at 0.
  int forward_time(size_t node) const { return static_cast<int>(nodes_[node].run) + 1; }
  int loss_time() const { return static_cast<int>(runs_.size()) + 1; }
  int backward_time(size_t node) const { return 2 * loss_time() - 1 - static_cast<int>(nodes_[node].run); }
  void forward_node(Node& node, const Pass& pass, const float* weights);
  void backward_node(Node& node, const Pass& pass, const float* weights,
                     const std::vector<std::unique_ptr<GradientSink>>& sinks);
  void add_to_gradient(Team& team, const Input& input);
  void end_part(size_t part) {
    if (clock_ != nullptr) clock_->end_part(part);
  }
  std::span<const Architecture::Parameter> parameters_of_layer(int layer) const;
  int64_t floats_in_place(const Node& node) const;
  Work forward_work_of(const Node& node) const;
  Work backward_work_of(const Node& node, const std::vector<Update>& updates, UpdateBehind behind) const;
  bool reads_floats(size_t input) const { return architecture_->inputs()[input].form == InputForm::kFloats; }
  bool reads_entries(const Node& node) const;
  bool takes_groups(int layer, const LayerNeeds& needs) const;
  // How the entries of a sparse input are cut into parts.
  Duplicates parting(size_t input) const;
  bool keeps_value_gradients(size_t input) const {
    return options_.input_gradient == InputGradient::kKept && architecture_->inputs()[input].form == InputForm::kSparse;
  }
  static const Window2d* windows_of(const Node& node) {
    return node.pooling == nullptr ? nullptr : node.pooling->pooling();
  }
  const SparseInput* sparse_input_of(const Node& node) const;
  std::span<const float* const> parameters_of(int layer, const float* weights);

  std::shared_ptr<const Architecture> architecture_;
  PlanOptions options_;
  std::vector<Value> values_;  // the inputs, then every node's output
  std::vector<Node> nodes_;
  std::vector<Run> runs_;                     // of all nodes
  InputOrder loaded_;                         // all inputs
  InputOrder grouped_;                        // those whose entries backward takes by groups, or by parts
  std::vector<size_t> node_of_;               // by layer; several share one where they are fused
  std::vector<std::unique_ptr<Layer>> made_;  // layers that do what those behind them do
  size_t output_ = 0;
  int64_t staging_ = kAbsent;            // of inputs in lanes, which are loaded one after another
  std::vector<BufferRequest> requests_;  // while it is laid out
  std::vector<const float*> parameters_;
  std::vector<SparseBatch> sparse_;  // by input, those in other forms than floats
  std::vector<ByteSpan> upcoming_;   // the samples behind the loaded ones
  bool reads_from_end_ = false;      // whether its next prediction does (Pass::from_end)
  AlignedBuffer workspace_;
  int64_t unshared_size_ = 0;
  StepClock* clock_ = nullptr;
};

}  // namespace gradloom
