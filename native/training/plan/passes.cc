// What a plan does: loading a batch, forward and backward. Threads share the work of each input and layer, but for
// small ones side by side, of which each is done by one thread alone: less time is lost between them.
#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/layout/lane_batch.h"
#include "kernels/tiling.h"
#include "kernels/vectors/vectors.h"
#include "training/plan/plan.h"

namespace gradloom {
namespace {

void convert(Team& team, const Shape& shape, int64_t batch, Layout from, const float* source, float* target) {
  const LaneImage image = lane_image(shape);
  if (from == Layout::kRows) return batch_to_lanes(team, image, batch, source, target);
  batch_to_rows(team, image, batch, source, target);
}

// Calls body(k, team of one) for all k below `count`, each on a thread of the team.
template <class Body>
void deal_out(Team& team, size_t count, Body& body) {
  team.for_each(static_cast<int64_t>(count), [&](int64_t k, int) {
    // So little that it fits in a function without memory of its own.
    Team::run(1, [&body, k](Team& alone) { body(static_cast<size_t>(k), alone); });
  });
}

}  // namespace

// In one order on any number of threads, so that the same error is the first.
template <class Body>
void Plan::for_inputs(const InputOrder& inputs, Team& team, Body body) {
  for (const size_t i : inputs.others) body(i, team);
  if (team.size() == 1 || inputs.small.size() < 2) {
    for (const size_t i : inputs.small) body(i, team);
    return;
  }
  const auto small = [&](size_t k, Team& alone) { body(inputs.small[k], alone); };
  deal_out(team, inputs.small.size(), small);
}

// Those that take part; `part_of` says of what part of a step they are.
template <class TakesPart, class Body>
void Plan::for_nodes(const Run& run, Team& team, size_t (*part_of)(size_t node), TakesPart takes_part, Body body) {
  if (team.size() == 1 || run.end - run.first == 1) {
    for (size_t i = run.first; i < run.end; ++i) {
      if (!takes_part(nodes_[i])) continue;
      body(nodes_[i], team);
      end_part(part_of(i));
    }
    return;
  }
  const auto node = [&](size_t k, Team& alone) {
    if (takes_part(nodes_[run.first + k])) body(nodes_[run.first + k], alone);
  };
  deal_out(team, run.end - run.first, node);
  if (clock_ == nullptr) return;
  std::vector<size_t> parts;
  for (size_t i = run.first; i < run.end; ++i) {
    if (takes_part(nodes_[i]) && !nodes_[i].needs.aliases_input) parts.push_back(part_of(i));
  }
  clock_->end_parts(parts);
}

void Plan::reserve(const ArraySamples& samples) {
  for (size_t i = 0; i < sparse_.size(); ++i) {
    if (!reads_floats(i)) sparse_[i].reserve(batch(), samples.most_entries(batch(), static_cast<int>(i)));
  }
  int64_t spans = 0;
  for (size_t i = 0; i < sparse_.size(); ++i) spans += values_[i].stretches * batch();
  upcoming_.reserve(static_cast<size_t>(spans));
}

void Plan::load(Team& team, const ArraySamples& samples, const uint32_t* order, int64_t first,
                const Augmenter* augmenter) {
  for_inputs(loaded_, team, [&](size_t i, Team& own) {
    const auto number = static_cast<int>(i);
    switch (const NetworkInput& read = architecture_->inputs()[i]; read.form) {
      case InputForm::kFloats:
        samples.gather_inputs(own, order, first, batch(), input(number), number, augmenter);
        break;
      case InputForm::kIds: samples.gather_ids(own, order, first, batch(), read.rows, sparse_[i], number); break;
      case InputForm::kSparse: samples.gather_sparse(own, order, first, batch(), sparse_[i], number); break;
    }
  });
  upcoming_.clear();
  for (size_t i = 0; runs_backward(options_.phase) && i < sparse_.size(); ++i) {
    samples.locate_inputs(order, first + batch(), batch(), upcoming_, static_cast<int>(i), values_[i].stretches);
  }
}

// A race for rows is one for single floats, by several times as long as it takes to deal out wider ones.
Duplicates Plan::parting(size_t input) const {
  const bool has_wide_rows = std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& node) {
    if (node.layer == nullptr || node.inputs.front().value != input || !reads_entries(node)) return false;
    const auto& parameters = node.layer->parameters();
    return std::any_of(parameters.begin(), parameters.end(), [](const auto& each) { return each.row_width > 1; });
  });
  return has_wide_rows ? Duplicates::kSequential : options_.duplicates;
}

const SparseInput* Plan::sparse_input_of(const Node& node) const {
  return reads_entries(node) ? &sparse_[node.inputs.front().value].input() : nullptr;
}

const RowGroups& Plan::groups(Team& team, int number) {
  SparseBatch& sparse = sparse_[static_cast<size_t>(number)];
  sparse.group(team, architecture_->inputs()[static_cast<size_t>(number)].rows);
  return sparse.input().groups;
}

void Plan::group_all(Team& team) {
  if (options_.duplicates == Duplicates::kSum) {
    return for_inputs(grouped_, team, [&](size_t i, Team& own) { groups(own, static_cast<int>(i)); });
  }
  for (const auto* inputs : {&grouped_.others, &grouped_.small}) {
    for (const size_t i : *inputs) sparse_[i].part(team, parting(i));
  }
}

void Plan::forward(Team& team, const float* weights, const RandomState& random) {
  const bool from_end = options_.phase == Phase::kTraining || std::exchange(reads_from_end_, !reads_from_end_);
  const Pass pass{team, options_.batch, options_.phase, random.seed, random.step, {}, from_end};
  const auto all = [](const Node&) { return true; };
  for (const Run& run : runs_) {
    for_nodes(run, team, forward_part, all,
              [&](Node& node, Team& own) { forward_node(node, pass.with(own), weights); });
  }
}

void Plan::prepare(Team& team, Network& network) {
  for (Node& node : nodes_) {
    if (node.needs.prepared > 0) {
      node.prepared = network.prepared(team, *node.layer, node.weighted, options_.batch, node.needs);
    }
  }
}

void Plan::forget_prepared() {
  for (Node& node : nodes_) node.prepared = nullptr;
}

int64_t Plan::prepared_floats(std::span<const std::unique_ptr<Plan>> others) const {
  int64_t floats = 0;
  for (const Node& node : nodes_) {
    const bool shared = std::ranges::any_of(others, [&](const auto& other) {
      return std::ranges::any_of(other->nodes_, [&](const Node& its) {
        return its.needs.prepared > 0 && its.index == node.index && its.needs.kernel == node.needs.kernel;
      });
    });
    if (!shared) floats += node.needs.prepared;
  }
  return floats;
}

void Plan::forward_node(Node& node, const Pass& pass, const float* weights) {
  const Value& input = values_[node.inputs.front().value];
  const Value& output = values_[node.output];
  const float* x = at(input.activation);
  float* y = at(output.activation);
  if (node.layer == nullptr) {
    convert(pass.team, input.image, options_.batch, input.layout, x, y);
    return;
  }
  for (size_t k = 1; k < node.inputs.size(); ++k) node.others[k - 1] = at(values_[node.inputs[k].value].activation);
  node.layer->forward({pass, input.layout, x, y, at(node.saved), at(node.forward_scratch),
                       parameters_of(node.index, weights), node.others, sparse_input_of(node),
                       node.prepared == nullptr ? nullptr : node.prepared->data(), blocks_of(input.image),
                       windows_of(node), gap_of(output), input.stretches});
}

int Plan::find_non_finite(Team& team, const float* weights, const RandomState& random) {
  const auto finite = [&](size_t value) {
    const float* floats = at(values_[value].activation);
    const int64_t gap = gap_of(values_[value]);
    const int64_t width = gap == 0 ? floats_of_value(value) : values_[value].shape.back();
    for (int64_t i = 0; i < floats_of_value(value); i += width, floats += width + gap) {
      if (!std::all_of(floats, floats + width, [](float v) { return std::isfinite(v); })) return false;
    }
    return true;
  };
  for (size_t i = 0; i < sparse_.size(); ++i) {
    if (reads_floats(i) ? !finite(i) : !sparse_[i].finite()) return kInput;
  }
  const Pass pass{team, options_.batch, options_.phase, random.seed, random.step};
  for (Node& node : nodes_) {
    forward_node(node, pass, weights);
    if (node.layer != nullptr && !finite(node.output)) return node.index;
  }
  return kNowhere;
}

void Plan::backward(Team& team, const float* weights, const RandomState& random,
                    const std::vector<std::unique_ptr<GradientSink>>& sinks) {
  const Pass pass{team, options_.batch, options_.phase, random.seed, random.step, upcoming_};
  group_all(team);
  for (size_t i = 0; i < sparse_.size(); ++i) {
    if (keeps_value_gradients(i)) sparse_[i].keep_value_gradients();
  }
  end_part(kGroupingPart);
  const auto is_differentiated = [&](const Node& node) { return values_[node.output].differentiated; };
  for (size_t r = runs_.size(); r-- > 0;) {
    for_nodes(runs_[r], team, backward_part, is_differentiated, [&](Node& node, Team& own) {
      backward_node(node, pass.with(own), weights, sinks);
      for (const Input& input : node.inputs) add_to_gradient(own, input);
    });
  }
}

void Plan::backward_node(Node& node, const Pass& pass, const float* weights,
                         const std::vector<std::unique_ptr<GradientSink>>& sinks) {
  const Value& input = values_[node.inputs.front().value];
  const Value& output = values_[node.output];
  float* dy = at(output.gradient);
  float* dx = at(node.inputs.front().gradient);
  if (node.layer == nullptr) {
    convert(pass.team, input.image, options_.batch, output.layout, dy, dx);
    return;
  }
  for (size_t k = 1; k < node.inputs.size(); ++k) {
    node.others[k - 1] = at(values_[node.inputs[k].value].activation);
    node.other_gradients[k - 1] = at(node.inputs[k].gradient);
  }
  node.layer->backward({pass, input.layout, at(input.activation), at(output.activation), dy, dx, at(node.saved),
                        at(node.backward_scratch), parameters_of(node.index, weights),
                        *sinks[static_cast<size_t>(node.index)], node.others, node.other_gradients,
                        sparse_input_of(node), blocks_of(input.image), windows_of(node), gap_of(output),
                        input.stretches});
}

void Plan::add_to_gradient(Team& team, const Input& input) {
  const int64_t gradient = values_[input.value].gradient;
  if (input.gradient == kAbsent || input.gradient == gradient) return;
  const Tiling tiles = tile_rows(floats_of_value(input.value), 1);
  float* total = at(gradient);
  const float* part = at(input.gradient);
  team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    sum(total + first, part + first, tiles.size(tile), total + first);
  });
}

}  // namespace gradloom
