// Where in a plan's workspace activations, gradients and scratch memory lie.
#include <algorithm>

#include "training/plan/plan.h"

namespace gradloom {

int64_t Plan::request(int64_t size, int first, int last) {
  requests_.push_back({size, first, last});
  return static_cast<int64_t>(requests_.size()) - 1;
}

void Plan::extend(int64_t request, int time) {
  if (request == kAbsent) return;
  BufferRequest& lifetime = requests_[static_cast<size_t>(request)];
  lifetime.last = std::max(lifetime.last, time);
}

// Offsets are numbers of requests until `place` resolves them.
void Plan::lay_out() {
  lay_out_activations();
  if (runs_backward(options_.phase)) lay_out_gradients();
  lay_out_scratch();
  place();
}

void Plan::lay_out_activations() {
  const bool training = runs_backward(options_.phase);
  int64_t staging = 0;
  for (size_t i = 0; i < sparse_.size(); ++i) {
    if (!reads_floats(i)) continue;
    values_[i].activation = request(floats_of_value(i), 0, 0);
    if (values_[i].layout == Layout::kLanes) staging = std::max(staging, batch() * values_[i].shape.size());
  }
  if (staging > 0) staging_ = request(staging, 0, 0);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    for (const Input& input : node.inputs) {
      const int64_t activation = values_[input.value].activation;
      extend(activation, forward_time(i));
      if (training && node.needs.backward_reads_input) extend(activation, backward_time(i));
    }
    // Its own or, of a part of another value, that one's.
    const size_t whole = values_[node.output].whole == kNone ? node.output : values_[node.output].whole;
    int64_t& output = values_[whole].activation;
    if (node.needs.aliases_input) output = values_[node.inputs.front().value].activation;
    if (output == kAbsent) output = request(floats_of_value(whole), forward_time(i), forward_time(i));
    values_[node.output].activation = output;
    extend(output, forward_time(i));
    if (training && node.needs.backward_reads_output) extend(output, backward_time(i));
  }
  extend(values_[output_].activation, loss_time());
}

// A value's last reader comes first in backward and writes the gradient; what the readers before it give is added.
void Plan::lay_out_gradients() {
  values_[output_].gradient = request(floats_of_value(output_), loss_time(), loss_time());
  for (size_t i = nodes_.size(); i-- > 0;) {
    Node& node = nodes_[i];
    const Value& output = values_[node.output];
    if (output.gradient == kAbsent) continue;
    const int time = backward_time(i);
    extend(output.gradient, time);
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      Input& input = node.inputs[k];
      Value& value = values_[input.value];
      if (!value.differentiated) continue;
      const bool passed_on =
          value.whole == node.output || (k == 0 && (node.needs.aliases_input || node.needs.passes_gradient));
      input.gradient = passed_on ? output.gradient : request(floats_of_value(input.value), time, time);
      if (value.gradient == kAbsent) value.gradient = input.gradient;
      extend(value.gradient, time);
    }
  }
  for (size_t i = 0; i < sparse_.size(); ++i) extend(values_[i].gradient, 2 * loss_time());
}

void Plan::lay_out_scratch() {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = nodes_[i];
    node.forward_scratch = request(node.needs.forward_scratch, forward_time(i), forward_time(i));
    if (runs_backward(options_.phase)) {
      node.saved = request(node.needs.saved, forward_time(i), backward_time(i));
      node.backward_scratch = request(node.needs.backward_scratch, backward_time(i), backward_time(i));
    }
  }
}

void Plan::place() {
  const MemoryPlan placed = place_buffers(requests_);
  requests_ = {};
  const auto resolve = [&](int64_t& offset, int64_t column = 0) {
    if (offset != kAbsent) offset = placed.offsets[static_cast<size_t>(offset)] + column;
  };
  for (Value& value : values_) {
    resolve(value.activation, value.column);
    resolve(value.gradient, value.column);
  }
  resolve(staging_);
  for (Node& node : nodes_) {
    resolve(node.saved);
    resolve(node.forward_scratch);
    resolve(node.backward_scratch);
    for (Input& input : node.inputs) resolve(input.gradient, values_[input.value].column);
  }
  workspace_ = AlignedBuffer(placed.size);
  unshared_size_ = placed.unshared_size;
}

}  // namespace gradloom
