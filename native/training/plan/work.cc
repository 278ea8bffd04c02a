// What the nodes of a plan do, for those who ask how near to the machine's limits they come.
#include <algorithm>

#include "training/plan/plan.h"

namespace gradloom {
namespace {

constexpr double kFloat = sizeof(float);
// Of an entry of a table: where it is and what it is worth.
constexpr double kEntryBytes = sizeof(uint32_t) + sizeof(float);

double bytes(int64_t floats) { return kFloat * static_cast<double>(floats); }

// A row of a table, with what is kept beside it, comes in whole cache lines.
double bytes_of_row(int64_t bytes) { return static_cast<double>((bytes + kCacheLine - 1) / kCacheLine * kCacheLine); }

}  // namespace

std::vector<Plan::NodeWork> Plan::work(const std::vector<Update>& updates, UpdateBehind behind) const {
  std::vector<NodeWork> work;
  for (const Node& node : nodes_) {
    const bool runs_backward = values_[node.output].differentiated;
    work.push_back({node.layer, node.needs.kernel, forward_work_of(node),
                    runs_backward ? backward_work_of(node, updates, behind) : Work{}, runs_backward});
  }
  return work;
}

// Of a node's output: what others have written there.
int64_t Plan::floats_in_place(const Node& node) const {
  int64_t floats = 0;
  for (const Input& input : node.inputs) {
    if (values_[input.value].whole == node.output) floats += floats_of_value(input.value);
  }
  return floats;
}

Plan::Work Plan::forward_work_of(const Node& node) const {
  Work work;
  if (node.needs.aliases_input) return work;
  for (const Input& input : node.inputs) {
    if (!reads_entries(node)) work.bytes += bytes(floats_of_value(input.value));
  }
  work.bytes += bytes(floats_of_value(node.output) - 2 * floats_in_place(node)) + bytes(node.needs.saved);
  if (node.layer != nullptr) {
    work.flops = static_cast<double>(options_.batch) * static_cast<double>(node.layer->flops());
    work.kernel_flops = node.needs.flops ? node.needs.flops->forward : work.flops;
    for (const auto& parameter : parameters_of_layer(node.index)) {
      if (parameter.row_width == 0) {
        work.bytes += bytes(parameter.shape.size());
      } else {
        const auto entries = static_cast<double>(sparse_input_of(node)->rows.entries());
        work.bytes += entries * kEntryBytes;
        work.add_rows(entries, bytes_of_row(parameter.row_width * bytes_of(parameter.element)));
        work.table_bytes += static_cast<double>(parameter.bytes());
      }
    }
  }
  work.working_set = std::max(work.bytes, work.table_bytes);
  return work;
}

Plan::Work Plan::backward_work_of(const Node& node, const std::vector<Update>& updates, UpdateBehind behind) const {
  Work work;
  const auto gives = [&](const Input& input) {
    return input.gradient != kAbsent && input.gradient != values_[node.output].gradient &&
           values_[input.value].whole != node.output;
  };
  const bool gives_gradient = std::any_of(node.inputs.begin(), node.inputs.end(), gives);
  const bool learns = node.layer != nullptr && node.layer->learns();
  if (!gives_gradient && !learns) return work;
  for (const Input& input : node.inputs) {
    const double floats = reads_entries(node) ? 0 : bytes(floats_of_value(input.value));
    if (gives(input)) work.bytes += floats;
    if (node.needs.backward_reads_input) work.bytes += floats;
  }
  const int outputs = node.needs.backward_reads_output ? 2 : 1;  // its gradient, too
  work.bytes += outputs * bytes(floats_of_value(node.output) - floats_in_place(node)) + bytes(node.needs.saved);
  work.working_set = work.bytes;
  if (node.layer == nullptr) return work;
  for (const auto& parameter : parameters_of_layer(node.index)) {
    const auto& [kept, divisions] = updates[static_cast<size_t>(&parameter - architecture_->parameters().data())];
    const bool trained = parameter.role == ParameterRole::kTrained;
    const bool updated = trained && behind == UpdateBehind::kEach;
    const int64_t floats = parameter.shape.size();
    if (parameter.row_width == 0) {
      const int64_t written = updated ? floats + 2 * kept : trained ? floats : 0;
      work.bytes += bytes((gives_gradient || updated ? floats : 0) + written);
      if (updated) work.divisions += static_cast<double>(floats * divisions);
    } else if (trained) {
      const SparseInput& input = *sparse_input_of(node);
      const int64_t row = parameter.row_width * bytes_of(parameter.element) +
                          parameter.row_width * kept / floats * static_cast<int64_t>(sizeof(float));
      const int64_t touched = options_.duplicates == Duplicates::kSum ? input.groups.count : input.rows.entries();
      work.bytes += static_cast<double>(input.rows.entries()) * kEntryBytes;
      work.add_rows(2 * static_cast<double>(touched), bytes_of_row(row));  // read and written
      work.table_bytes += static_cast<double>(parameter.bytes()) + bytes(kept);
      work.divisions += static_cast<double>(touched * parameter.row_width * divisions);
    }
  }
  work.working_set = std::max(work.working_set + work.table_bytes, work.bytes);
  const auto products = static_cast<double>(options_.batch) * static_cast<double>(node.layer->flops());
  const KernelFlops kernel = node.needs.flops.value_or(KernelFlops{products, products, products});
  work.flops = (gives_gradient ? products : 0) + (learns ? products : 0);
  work.kernel_flops = (gives_gradient ? kernel.input_gradient : 0) + (learns ? kernel.weight_gradient : 0);
  return work;
}

std::span<const Architecture::Parameter> Plan::parameters_of_layer(int layer) const {
  const auto first = static_cast<size_t>(architecture_->first_parameter(layer));
  const size_t count = architecture_->layers()[static_cast<size_t>(layer)]->parameters().size();
  return std::span(architecture_->parameters()).subspan(first, count);
}

}  // namespace gradloom
