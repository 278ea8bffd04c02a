#include "training/plan.h"

#include <algorithm>
#include <cmath>

#include "common/checked.h"
#include "kernels/lanes.h"
#include "training/memory_plan.h"

namespace gradloom {
namespace {

// rows[n][p][c] from or to lanes[n / 16][c][p][n % 16].
void convert(Team& team, const Shape& shape, int64_t batch, Layout from, const float* source, float* target) {
  const int64_t channels = shape.back();
  const int64_t pixels = shape.size() / channels;
  team.for_each(lane_blocks(batch), [&](int64_t block, int) {
    const int64_t first = block * kLanes * shape.size();  // of the block, in both layouts
    const int64_t samples = std::min(kLanes, batch - block * kLanes);
    if (from == Layout::kRows) {
      rows_to_lanes(source + first, samples, pixels, channels, target + first);
    } else {
      lanes_to_rows(source + first, samples, pixels, channels, target + first);
    }
  });
}

}  // namespace

Plan::Plan(std::shared_ptr<const Architecture> architecture, const PlanOptions& options)
    : architecture_(std::move(architecture)), options_(options) {
  parameters_.resize(architecture_->parameters().size());
  choose_layouts();
  lay_out();
}

// The input comes in rows and the loss takes rows; between them every layer gets the layout it wants.
void Plan::choose_layouts() {
  Layout current = Layout::kRows;
  int index = 0;
  for (const auto& layer : architecture_->layers()) {
    const Layout wanted = layer->layout(options_.batch, current);
    if (wanted != current) add_conversion(layer->input_shape(), current, wanted);
    current = wanted;
    nodes_.push_back({layer.get(), index++, layer->input_shape(), layer->output_shape(), wanted, wanted,
                      layer->needs({options_.batch, options_.phase, options_.threads, wanted})});
  }
  if (current != Layout::kRows) add_conversion(architecture_->output_shape(), current, Layout::kRows);
}

void Plan::add_conversion(const Shape& shape, Layout from, Layout to) {
  nodes_.push_back({nullptr, -1, shape, shape, from, to, {.kernel = "conversion"}});
}

// Times: forward of node i at i + 1 (the input is there at 0), the loss at L + 1, backward of node i at 2 L + 1 - i.
void Plan::lay_out() {
  const auto count = static_cast<int>(nodes_.size());
  const bool training = runs_backward(options_.phase);
  const int loss_time = count + 1;
  const auto forward_time = [](int node) { return node + 1; };
  const auto backward_time = [count](int node) { return 2 * count + 1 - node; };
  // Nodes before the first layer with weights have nobody to pass a gradient to.
  int first_trained = 0;
  while (first_trained < count && (nodes_[static_cast<size_t>(first_trained)].layer == nullptr ||
                                   nodes_[static_cast<size_t>(first_trained)].layer->parameters().empty())) {
    ++first_trained;
  }
  const bool all_gradients = options_.input_gradient == InputGradient::kKept;

  std::vector<BufferRequest> requests;
  const auto request = [&](int64_t size, int first, int last) {
    requests.push_back({size, first, last});
    return static_cast<int64_t>(requests.size()) - 1;
  };
  const auto extend = [&](int64_t index, int last) {
    auto& lifetime = requests[static_cast<size_t>(index)];
    lifetime.last = std::max(lifetime.last, last);
  };

  activations_.push_back(request(floats_of(architecture_->input_shape(), Layout::kRows, options_.batch), 0, 0));
  for (int i = 0; i < count; ++i) {
    const Node& node = nodes_[static_cast<size_t>(i)];
    const int64_t input = activations_.back();
    extend(input, forward_time(i));
    const int64_t output = node.needs.aliases_input ? input
                                                    : request(floats_of(node.output_shape, node.to, options_.batch),
                                                              forward_time(i), forward_time(i));
    if (training && node.needs.backward_reads_input) extend(input, backward_time(i));
    if (training && node.needs.backward_reads_output) extend(output, backward_time(i));
    activations_.push_back(output);
  }
  extend(activations_.back(), loss_time);

  gradients_.assign(static_cast<size_t>(count) + 1, kAbsent);
  if (training) {
    gradients_.back() = request(requests[static_cast<size_t>(activations_.back())].size, loss_time, loss_time);
    for (int i = count - 1; i >= 0; --i) {
      const auto at = static_cast<size_t>(i);
      const int64_t outgoing = gradients_[at + 1];
      extend(outgoing, backward_time(i));
      if (!all_gradients && i <= first_trained) break;
      const int64_t size = requests[static_cast<size_t>(activations_[at])].size;
      gradients_[at] = nodes_[at].needs.aliases_input ? outgoing : request(size, backward_time(i), backward_time(i));
    }
    if (all_gradients) extend(gradients_.front(), backward_time(-1));
  }

  for (int i = 0; i < count; ++i) {
    Node& node = nodes_[static_cast<size_t>(i)];
    node.forward_scratch = request(node.needs.forward_scratch, forward_time(i), forward_time(i));
    if (training) {
      node.saved = request(node.needs.saved, forward_time(i), backward_time(i));
      node.backward_scratch = request(node.needs.backward_scratch, backward_time(i), backward_time(i));
    }
  }

  const MemoryPlan placed = place_buffers(requests);
  const auto resolve = [&](int64_t& index) {
    if (index != kAbsent) index = placed.offsets[static_cast<size_t>(index)];
  };
  std::for_each(activations_.begin(), activations_.end(), resolve);
  std::for_each(gradients_.begin(), gradients_.end(), resolve);
  for (Node& node : nodes_) {
    resolve(node.saved);
    resolve(node.forward_scratch);
    resolve(node.backward_scratch);
  }
  workspace_ = AlignedBuffer(placed.size);
  unshared_size_ = placed.unshared_size;
}

std::span<const float* const> Plan::parameters_of(int layer, const float* weights) {
  const auto first = static_cast<size_t>(architecture_->first_parameter(layer));
  const size_t count = architecture_->layers()[static_cast<size_t>(layer)]->parameters().size();
  for (size_t i = first; i < first + count; ++i) {
    parameters_[i] = weights + architecture_->parameters()[i].offset;
  }
  return std::span<const float* const>(parameters_).subspan(first, count);
}

void Plan::forward(Team& team, const float* weights, const RandomState& random) {
  const Pass pass{team, options_.batch, options_.phase, random.seed, random.step};
  for (size_t i = 0; i < nodes_.size(); ++i) forward_node(i, pass, weights);
}

void Plan::forward_node(size_t at_node, const Pass& pass, const float* weights) {
  const Node& node = nodes_[at_node];
  const float* x = at(activations_[at_node]);
  float* y = at(activations_[at_node + 1]);
  if (node.layer == nullptr) {
    convert(pass.team, node.input_shape, options_.batch, node.from, x, y);
  } else {
    node.layer->forward(
        {pass, node.from, x, y, at(node.saved), at(node.forward_scratch), parameters_of(node.index, weights)});
  }
}

int Plan::find_non_finite(Team& team, const float* weights, const RandomState& random) {
  const auto finite = [&](size_t activation, int64_t floats) {
    const float* values = at(activations_[activation]);
    return std::all_of(values, values + floats, [](float v) { return std::isfinite(v); });
  };
  if (!finite(0, floats_of(architecture_->input_shape(), Layout::kRows, options_.batch))) return kInput;
  const Pass pass{team, options_.batch, options_.phase, random.seed, random.step};
  for (size_t i = 0; i < nodes_.size(); ++i) {
    forward_node(i, pass, weights);
    const Node& node = nodes_[i];
    if (node.layer != nullptr && !finite(i + 1, floats_of(node.output_shape, node.to, options_.batch))) {
      return node.index;
    }
  }
  return kNowhere;
}

void Plan::backward(Team& team, const float* weights, const RandomState& random,
                    const std::vector<std::unique_ptr<GradientSink>>& sinks) {
  const Pass pass{team, options_.batch, options_.phase, random.seed, random.step};
  for (size_t i = nodes_.size(); i-- > 0;) {
    if (gradients_[i + 1] == kAbsent) break;
    const Node& node = nodes_[i];
    float* dy = at(gradients_[i + 1]);
    float* dx = at(gradients_[i]);
    if (node.layer != nullptr) {
      node.layer->backward({pass, node.from, at(activations_[i]), at(activations_[i + 1]), dy, dx, at(node.saved),
                            at(node.backward_scratch), parameters_of(node.index, weights),
                            *sinks[static_cast<size_t>(node.index)]});
    } else if (dx != nullptr) {
      convert(team, node.input_shape, options_.batch, node.to, dy, dx);
    }
  }
}

Plan::Row Plan::describe(int layer) const {
  const auto found = std::find_if(nodes_.begin(), nodes_.end(), [&](const Node& node) { return node.index == layer; });
  const LayerNeeds& needs = found->needs;
  const bool training = runs_backward(options_.phase);
  return {needs.kernel, found->to, needs.aliases_input ? 0 : floats_of(found->output_shape, found->to, options_.batch),
          training ? needs.saved : 0,
          training ? std::max(needs.forward_scratch, needs.backward_scratch) : needs.forward_scratch};
}

}  // namespace gradloom
