// An optimizer: how a gradient changes a parameter. It holds no state: the trainer keeps some arrays a parameter.
//
// Most rules work element by element, so that they may run on any tile of a gradient as soon as that tile is there.
// Others need whole rows, or all of a parameter; they wait for the whole gradient and see it in the layout of files.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/parallel.h"
#include "common/prefetch.h"
#include "common/shape.h"
#include "common/spec.h"
#include "kernels/embedding/sparse_rows.h"
#include "kernels/gemm/simd_gemm.h"

namespace gradloom {

// The least piece of a parameter that can be updated on its own.
enum class Granularity {
  kElement,
  kRow,  // values that share the first index, in the layout of files; of a vector, each element
  kParameter,
};

struct StateSpec {
  std::string name;  // in checkpoints: <layer>.<parameter>.<name>
  float initial;
  Shape shape;  // of a whole parameter's state; that of the parameter where each element has its own
};

struct UpdateArguments {
  int64_t count;
  float* weight;          // [count], updated
  const float* gradient;  // [count]
  // Updated, one array a state: [count] for rules by element, one value a row for rules by row, else of its own shape.
  float* const* states;
  uint64_t step;         // of this update, from 1
  double learning_rate;  // of this step and parameter
  float weight_decay;    // of this parameter
  // For rules by element: makes the gradient, which is not there yet. The update of one tile of it may run beside the
  // product of the next; `gradient` is room for all of it and may be left as it is.
  const DueProduct* product = nullptr;
  bool from_memory = false;  // weights and states come from beyond the caches
  Shape shape = {};          // of the piece, for rules by row; of the parameter, for rules by parameter
  Team* team = nullptr;      // who may help with rules by parameter
};

// Some rows of a table, for rules by element and by row, updated one after another.
struct RowUpdateArguments {
  int64_t count;          // of rows
  int64_t width;          // of a row
  const uint32_t* rows;   // [count + coming]; one that comes twice is updated twice
  int64_t coming = 0;     // rows behind the `count` whose update is the next one: they may be prefetched
  float* table;           // [., width], of which these rows are updated
  const float* gradient;  // [count, width]
  float* const* states;   // of the whole table, as for UpdateArguments
  int64_t stride = 0;     // floats from row to row of the table and of each state; 0: they lie one behind the other
  size_t state_count;
  uint64_t step;
  double learning_rate;
  float weight_decay;
  // Other threads may update the same rows meanwhile. Floats are read and written one by one by relaxed atomic
  // operations then, so updates may be lost, and nothing else. Of this thread: memory for a row and its states.
  float* hogwild_buffer = nullptr;
  // `table` has these rows alone, [count, width]. States are of the whole table all the same.
  bool gathered = false;
  bool from_memory = false;  // rows come from beyond the caches (exceeds_l3)

  bool hogwild() const { return hogwild_buffer != nullptr; }
  bool is_known(int64_t i) const { return i < count + coming; }
  float* weights_of(int64_t i) const {
    return table + (gathered ? i : int64_t{rows[i]}) * (stride == 0 ? width : stride);
  }
  // `state_width`: floats of the state a row.
  float* state_of(size_t state, int64_t i, int64_t state_width) const {
    return states[state] + rows[i] * (stride == 0 ? state_width : stride);
  }
  // Row `i` and its states, if it is known, by line(address) of with_prefetch.
  template <class Line>
  void prefetch(int64_t i, int64_t state_width, Line line) const {
    constexpr auto kBytes = static_cast<int64_t>(sizeof(float));
    if (!is_known(i)) return;
    if (!gathered) for_each_line(weights_of(i), width * kBytes, line);
    for (size_t s = 0; s < state_count; ++s) {
      for_each_line(state_of(s, i, state_width), state_width * kBytes, line);
    }
  }
  // Whether rows ascend, so that none comes twice.
  bool distinct() const { return std::is_sorted(rows, rows + count, std::less_equal<>()); }
};

enum class GradientCheck {
  kFinite,
  // A NaN or an infinity among the new weights: from a gradient (all of them end there) or there before. The update was
  // made all the same.
  kNotFinite,
};

class Optimizer {
 public:
  // Reads kind and learningRate.
  explicit Optimizer(const Spec& spec, double weight_decay = 0);
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  const std::string& kind() const { return kind_; }
  // What a parameter starts with, unless it has its own.
  double learning_rate() const { return learning_rate_; }
  float weight_decay() const { return weight_decay_; }
  // Of rows of tables; kSum for kinds without the option `duplicates`.
  Duplicates duplicates() const { return duplicates_; }
  virtual Granularity granularity() const { return Granularity::kElement; }
  // Square roots and divisions that an element's update cannot do without; 0 where elements share them.
  virtual int64_t divisions() const { return 0; }
  // What is kept of a parameter of this shape.
  virtual std::vector<StateSpec> states(const Shape& parameter) const = 0;
  // The same for a table, of which a step touches some rows.
  virtual std::vector<StateSpec> table_states(const Shape& table) const { return states(table); }
  // Why it cannot leave rows of a table alone in a step that does not touch them; "" when it can. `decay` is the
  // table's.
  virtual std::string objection_to_rows(float /*decay*/) const {
    return "its update moves weights whose gradient is 0";
  }
  // Thread-safe; no two calls at once may overlap.
  virtual GradientCheck update(const UpdateArguments& args) const = 0;
  // The same for the rows in turn; the others stay as they are.
  virtual GradientCheck update_rows(const RowUpdateArguments& args) const;
  // Whether rows of a table move in steps that do not touch them, to where `settle` puts them.
  virtual bool moves_untouched() const { return false; }
  // Weights of a table as the first `args.step` steps, all at `args.learning_rate` since the last `adopt`, have left
  // them: a function of the states alone, which stay as they are, so that it may be called at any time, and any number
  // of times. `args.gradient` is not read.
  virtual void settle(const UpdateArguments& /*args*/) const {}
  void settle_rows(const RowUpdateArguments& args) const;
  // States follow from the weights, which are those behind step `args.step`.
  virtual void adopt(const UpdateArguments& /*args*/) const {}
  // The factor that the rule puts before a gradient, so that a small one added to it moves the weight by the product:
  // one a weight, [count], from the states as they are. `args.gradient` is not read; nothing is updated.
  virtual void effective_rates(const UpdateArguments& args, float* rates) const = 0;

 private:
  std::string kind_;
  double learning_rate_;
  float weight_decay_;
  Duplicates duplicates_;
};

// No optimizer keeps more arrays a parameter.
inline constexpr size_t kMostStates = 5;

// All rows of a table are adopted at multiples of so many steps, so that states may count steps in float32.
inline constexpr uint64_t kStepsToAdopt = uint64_t{1} << 23;

// Rows of a parameter by this shape, for Granularity::kRow.
inline int64_t rows_of(const Shape& shape) { return shape.rank() == 0 ? 1 : shape[0]; }

// The kinds of optimizers are one line each in registry.cc.
std::unique_ptr<Optimizer> make_optimizer(const Spec& spec);
std::vector<std::string> optimizer_kinds();

}  // namespace gradloom
