#include "training/plan/plan.h"

#include <algorithm>

#include "layers/normalization/rescaled.h"

namespace gradloom {
namespace {

int64_t entries_in(const Architecture& architecture, const ArraySamples& samples, int64_t batch) {
  if (samples.count() == 0) return 0;
  int64_t entries = 0;
  for (int input = 0; input < architecture.input_count(); ++input) {
    if (architecture.inputs()[static_cast<size_t>(input)].form != InputForm::kFloats) entries += samples.entries(input);
  }
  return batch * entries / samples.count();
}

}  // namespace

int64_t forward_work(const Architecture& architecture, const ArraySamples& samples, int64_t batch) {
  constexpr int64_t kFlopsPerEntry = 200;
  return batch * architecture.forward_flops() + entries_in(architecture, samples, batch) * kFlopsPerEntry;
}

int64_t training_work(const Architecture& architecture, const ArraySamples& samples, int64_t batch) {
  // 13 ns an entry of a table of one column: gathered, sorted, summed, updated (one core of a Zen 4).
  constexpr int64_t kFlopsPerEntry = 1000;
  return batch * architecture.training_flops() + entries_in(architecture, samples, batch) * kFlopsPerEntry;
}

Plan::Plan(std::shared_ptr<const Architecture> architecture, const PlanOptions& options)
    : architecture_(std::move(architecture)), options_(options) {
  parameters_.resize(architecture_->parameters().size());
  sparse_.resize(architecture_->inputs().size());
  choose_layouts();
  for (Node& node : nodes_) join(node);
  order_inputs();
  choose_runs();
  lay_out();
}

int64_t Plan::floats_of_value(size_t value) const {
  return floats_of(values_[value].shape, values_[value].layout, options_.batch);
}

size_t Plan::add_value(const Shape& shape, Layout layout, bool differentiated, const Shape& image) {
  values_.push_back({shape, layout, differentiated, image});
  return values_.size() - 1;
}

// Vectors in lanes are the blocks of images, in an order of their own, which is not for every layer.
Layout Plan::layout_for(const Layer& layer, const Value& first) const {
  const bool flattened = first.layout == Layout::kLanes && first.image != first.shape;
  return layer.layout(options_.batch, flattened && !layer.takes_blocks() ? Layout::kRows : first.layout);
}

// The layer that alone reads a value, by its number in the architecture, or -1.
int Plan::only_reader(int value) const {
  int reader = -1;
  for (int i = 0; i < static_cast<int>(architecture_->layers().size()); ++i) {
    const std::vector<int>& read = architecture_->inputs_of(i);
    const auto times = std::count(read.begin(), read.end(), value);
    if (times > 0 && (reader >= 0 || times > 1)) return -1;
    if (times > 0) reader = i;
  }
  return reader;
}

// Layers between two that have to have lanes, or an end: all of them that are able, if pays(how many these are, how
// many have to have images in rows, whether there are lanes before them, and behind them).
template <class Able, class Pays>
std::vector<bool> Plan::runs_of_layers(Able able, Pays pays) const {
  const auto& layers = architecture_->layers();
  std::vector<bool> chosen(layers.size(), false);
  bool before = false;
  for (size_t i = 0; i < layers.size(); before = true) {
    const size_t first = i;
    int count = 0;
    int in_rows = 0;
    for (; i < layers.size(); ++i) {
      chosen[i] = able(*layers[i]);
      if (chosen[i]) ++count;
      const bool image = layers[i]->input_shape().rank() > 1;
      if (!chosen[i] && image && layers[i]->layout(options_.batch, Layout::kLanes) == Layout::kRows) ++in_rows;
      if (!chosen[i] && layers[i]->layout(options_.batch, Layout::kRows) == Layout::kLanes) break;
    }
    if (!pays(count, in_rows, before, i < layers.size())) {
      std::fill(chosen.begin() + static_cast<ptrdiff_t>(first), chosen.begin() + static_cast<ptrdiff_t>(i), false);
    }
    i += 1;
  }
  return chosen;
}

// Layers that predict in rows though they take lanes: those that are offered rows and, behind others in lanes, so many
// in a row that they win back what conversions cost.
std::vector<bool> Plan::layers_in_rows() const {
  constexpr int kBetweenConversions = 8;
  constexpr int kBehindConversion = 4;
  if (runs_backward(options_.phase)) return none_of_layers();
  return runs_of_layers([&](const Layer& layer) { return layer.in_rows(options_.batch) != nullptr; },
                        [](int count, int in_rows, bool before, bool behind) {
                          return count + in_rows >= (!before ? 1 : behind ? kBetweenConversions : kBehindConversion);
                        });
}

// Layers that train in lanes though they take rows, where they are offered lanes: so few behind others in lanes that
// conversions would cost more than they win.
std::vector<bool> Plan::layers_in_lanes() const {
  constexpr int kBetweenConversions = 2;
  constexpr int kBehindConversion = 1;
  if (!runs_backward(options_.phase)) return none_of_layers();
  return runs_of_layers([&](const Layer& layer) { return layer.in_lanes(options_.batch) != nullptr; },
                        [](int count, int /*in_rows*/, bool before, bool behind) {
                          return before && count <= (behind ? kBetweenConversions : kBehindConversion);
                        });
}

// The loss takes rows; before it every layer gets the layout it wants.
void Plan::choose_layouts() {
  const std::vector<bool> in_rows = layers_in_rows();
  const std::vector<bool> in_lanes = layers_in_lanes();
  // By the numbers of the architecture.
  std::vector<size_t> given;
  for (size_t i = 0; i < architecture_->inputs().size(); ++i) {
    const bool kept = options_.input_gradient == InputGradient::kKept && reads_floats(i);
    given.push_back(add_value(architecture_->inputs()[i].shape, Layout::kRows, kept, architecture_->inputs()[i].shape));
  }
  node_of_.assign(architecture_->layers().size(), kNone);
  for (size_t i = 0; i < architecture_->layers().size(); ++i) {
    const auto index = static_cast<int>(i);
    const std::vector<int>& read = architecture_->inputs_of(index);
    // Done by a layer before it.
    if (node_of_[i] != kNone) {
      given.push_back(given[static_cast<size_t>(read.front())]);
      continue;
    }
    const Layer& own = *architecture_->layers()[i];
    const Value& first = values_[given[static_cast<size_t>(read.front())]];
    const bool offered_lanes = first.layout == Layout::kLanes;
    const bool wants_gradient = runs_backward(options_.phase) && first.differentiated;
    const Fusion fusion =
        fuse(index, in_rows[i]                        ? own.in_rows(options_.batch)
                    : in_lanes[i] && offered_lanes    ? own.in_lanes(options_.batch)
                    : wants_gradient || offered_lanes ? nullptr
                                                      : own.without_gradient(options_.batch, options_.phase));
    const Layer& layer = *fusion.layer;
    const Layer* const pooling = fusion.pooling;
    const Layout wanted = layout_for(layer, values_[given[static_cast<size_t>(read.front())]]);
    std::vector<Input> inputs;
    bool differentiated = architecture_->depends_on_weights(architecture_->value_of(index));
    for (const int value : read) {
      inputs.push_back({in_layout(given[static_cast<size_t>(value)], wanted)});
      const auto number = static_cast<size_t>(value);
      differentiated |=
          values_[inputs.back().value].differentiated || (number < sparse_.size() && keeps_value_gradients(number));
    }
    const Shape& image = values_[inputs.front().value].image;
    const LayerNeeds needs =
        layer.needs({options_.batch, options_.phase, options_.threads, wanted, blocks_of(image),
                     values_[inputs.front().value].differentiated, pooling == nullptr ? nullptr : pooling->pooling()});
    const Shape& shape = (pooling == nullptr ? layer : *pooling).output_shape();
    const size_t output =
        add_value(shape, layer.output_layout(wanted), differentiated, needs.aliases_input ? Shape(image) : shape);
    given.push_back(output);
    const size_t others = inputs.size() - 1;
    for (const int done : fusion.done) node_of_[static_cast<size_t>(done)] = nodes_.size();
    nodes_.push_back({.layer = &layer,
                      .index = index,
                      .weighted = fusion.weighted,
                      .pooling = pooling,
                      .inputs = std::move(inputs),
                      .output = output,
                      .needs = needs,
                      .takes_groups = takes_groups(index, needs),
                      .others = std::vector<const float*>(others),
                      .other_gradients = std::vector<float*>(others)});
  }
  output_ = in_layout(given.back(), Layout::kRows);
}

// What a layer, or the same in another layout if not null, does beside its own work, for a layer that alone reads
// it: when it predicts a scale of its channels, then an activation, then the maxima of windows.
Plan::Fusion Plan::fuse(int index, std::unique_ptr<Layer> relaid) {
  const auto layer_at = [&](int i) { return i < 0 ? nullptr : architecture_->layers()[static_cast<size_t>(i)].get(); };
  Fusion fusion{layer_at(index), nullptr, {index}, {index}};
  if (relaid != nullptr) fusion.layer = made_.emplace_back(std::move(relaid)).get();
  const auto reader_behind = [&](int layer) { return only_reader(architecture_->value_of(layer)); };
  int reader = reader_behind(index);
  if (!runs_backward(options_.phase) && reader >= 0) {
    if (std::unique_ptr<Layer> rescaled = Rescaled::of(*fusion.layer, *layer_at(reader))) {
      fusion.layer = made_.emplace_back(std::move(rescaled)).get();
      fusion.done.push_back(reader);
      fusion.weighted.push_back(reader);
      reader = reader_behind(reader);
    }
  }
  if (const auto activation = reader < 0 ? std::nullopt : layer_at(reader)->elementwise()) {
    if (std::unique_ptr<Layer> activated = fusion.layer->activated(*activation)) {
      fusion.layer = made_.emplace_back(std::move(activated)).get();
      fusion.done.push_back(reader);
      reader = reader_behind(reader);
    }
  }
  const Window2d* windows = reader < 0 ? nullptr : layer_at(reader)->pooling();
  if (windows != nullptr && fusion.layer->pools(options_.batch, *windows)) {
    fusion.pooling = layer_at(reader);
    fusion.done.push_back(reader);
  }
  return fusion;
}

BatchPlace Plan::input(int number) {
  const Value& value = values_[static_cast<size_t>(number)];
  return {at(value.activation), value.stretches, value.layout == Layout::kLanes, at(staging_)};
}

// An input that one layer alone reads, in lanes, needs no conversion. Gradients of inputs are asked for in rows.
bool Plan::is_loaded_in_lanes(size_t value) const {
  const bool loaded = value < sparse_.size() && reads_floats(value);
  return loaded && !values_[value].differentiated && only_reader(static_cast<int>(value)) >= 0;
}

// Several readers share one conversion.
size_t Plan::in_layout(size_t value, Layout layout) {
  if (values_[value].layout == layout) return value;
  if (is_loaded_in_lanes(value)) {
    values_[value].layout = layout;
    return value;
  }
  if (values_[value].converted == kNone) {
    const size_t converted =
        add_value(values_[value].shape, layout, values_[value].differentiated, values_[value].image);
    values_[value].converted = converted;
    nodes_.push_back(
        {.layer = nullptr, .index = -1, .inputs = {{value}}, .output = converted, .needs = {.kernel = "conversion"}});
  }
  return values_[value].converted;
}

int64_t Plan::times_read(size_t value) const {
  int64_t times = 0;
  for (const Node& node : nodes_) times += std::ranges::count(node.inputs, value, &Input::value);
  return times;
}

// Inputs of a layer that puts vectors side by side are written where it would copy them, and their gradients read
// there, if the layer that makes them can do so and nobody else reads them. Between both there may be other shapes.
void Plan::join(Node& joining) {
  if (joining.layer == nullptr || values_[joining.output].layout != Layout::kRows) return;
  bool all = true;
  for (size_t k = 0; k < joining.inputs.size(); ++k) {
    const int64_t column = joining.layer->column_of(k);
    if (column < 0) return;
    std::vector<size_t> shapes = {joining.inputs[k].value};
    const Node* producer = producer_of(shapes.back());
    while (producer != nullptr && producer->needs.aliases_input) {
      shapes.push_back(producer->inputs.front().value);
      producer = producer_of(shapes.back());
    }
    const bool fits = producer != nullptr && producer->layer != nullptr && producer->layer->takes_gap() &&
                      values_[shapes.back()].shape.back() == values_[shapes.front()].shape.back() &&
                      std::ranges::all_of(shapes, [&](size_t value) { return times_read(value) == 1; });
    all &= fits;
    if (!fits) continue;
    for (const size_t value : shapes) {
      values_[value].whole = joining.output;
      values_[value].column = column;
    }
  }
  if (all) joining.needs.kernel = "alias";
}

// Ids that one thread reads, sorts, or looks up rows of so many floats for, in some microseconds.
bool Plan::is_small(size_t input, int64_t width) const {
  constexpr int64_t kFloats = 32 * 1024;
  const NetworkInput& read = architecture_->inputs()[input];
  return read.form == InputForm::kIds && options_.batch <= kFloats / width / read.shape.size();
}

// An input that one layer alone reads, maybe under another shape, in the stretches in which that sums it. One thread
// has no use for them, and who asks for gradients of inputs wants these whole.
void Plan::load_in_stretches(size_t input) {
  if (options_.threads == 1 || !reads_floats(input) || values_[input].differentiated) return;
  std::vector<size_t> shapes;
  const Layer* reader = nullptr;
  for (size_t value = input; reader == nullptr && times_read(value) == 1;) {
    shapes.push_back(value);
    const Node& node = *std::ranges::find_if(
        nodes_, [&](const Node& each) { return std::ranges::count(each.inputs, value, &Input::value) > 0; });
    if (node.layer == nullptr || node.inputs.size() > 1) return;
    if (!node.needs.aliases_input) reader = node.layer;
    value = node.output;
  }
  if (reader == nullptr) return;
  for (const size_t value : shapes) values_[value].stretches = reader->input_stretches();
}

void Plan::order_inputs() {
  const auto add = [&](InputOrder& order, size_t input) {
    (is_small(input) ? order.small : order.others).push_back(input);
  };
  for (size_t i = 0; i < sparse_.size(); ++i) {
    add(loaded_, i);
    load_in_stretches(i);
    const bool grouped = std::ranges::any_of(nodes_, [&](const Node& node) {
      return node.inputs.front().value == i && reads_entries(node) && values_[node.output].differentiated &&
             node.takes_groups;
    });
    if (grouped) add(grouped_, i);
  }
}

// Whether a node may be done while others are that read other inputs: all that it changes is its own. Where threads
// race for rows they have room by their number, which is 0 for each that works alone.
bool Plan::goes_beside_others(const Node& node) const {
  if (node.layer == nullptr || !reads_entries(node) || node.inputs.size() > 1) return false;
  if (options_.threads == 1 || options_.duplicates != Duplicates::kSum) return false;
  int64_t width = 1;
  const int first = architecture_->first_parameter(node.index);
  const auto count = static_cast<int>(node.layer->parameters().size());
  for (int p = first; p < first + count; ++p) {
    if (architecture_->users_of(p).size() > 1) return false;
    width = std::max(width, node.layer->parameters()[static_cast<size_t>(p - first)].row_width);
  }
  return is_small(node.inputs.front().value, width);
}

// Runs of nodes that go beside others, each with an input of its own; between them there may be other shapes.
void Plan::choose_runs() {
  for (size_t first = 0, end = 0; first < nodes_.size(); first = end) {
    end = first + 1;
    std::vector<size_t> inputs;
    for (size_t i = first; i < nodes_.size(); ++i) {
      const size_t input = nodes_[i].inputs.front().value;
      if (!inputs.empty() && nodes_[i].needs.aliases_input && times_read(input) == 1) continue;
      if (!goes_beside_others(nodes_[i]) || std::ranges::count(inputs, input) > 0) break;
      inputs.push_back(input);
      end = i + 1;
    }
    for (size_t i = first; i < end; ++i) {
      Node& node = nodes_[i];
      node.run = runs_.size();
      // One thread does it, and needs scratch for itself alone.
      const bool alone = inputs.size() > 1 && !node.needs.aliases_input;
      if (alone) node.needs = node.layer->needs({options_.batch, options_.phase, 1});
    }
    runs_.push_back({first, end});
  }
}

int64_t Plan::gap_of(const Value& value) const {
  return value.whole == kNone ? 0 : values_[value.whole].shape.back() - value.shape.back();
}

std::span<const float* const> Plan::parameters_of(int layer, const float* weights) {
  const auto first = static_cast<size_t>(architecture_->first_parameter(layer));
  const size_t count = architecture_->layers()[static_cast<size_t>(layer)]->parameters().size();
  for (size_t i = first; i < first + count; ++i) {
    parameters_[i] = weights + architecture_->parameters()[i].offset;
  }
  return std::span<const float* const>(parameters_).subspan(first, count);
}

bool Plan::reads_entries(const Node& node) const {
  const size_t input = node.inputs.front().value;
  return input < sparse_.size() && !reads_floats(input);
}

// The rows of tables that several layers read are merged in ascending order.
bool Plan::takes_groups(int layer, const LayerNeeds& needs) const {
  return !needs.sums_unsorted || options_.duplicates != Duplicates::kSum ||
         architecture_->users_of(architecture_->first_parameter(layer)).size() > 1;
}

Plan::Row Plan::describe(int layer) const {
  const Node& node = nodes_[node_of_[static_cast<size_t>(layer)]];
  const Value& output = values_[node.output];
  // What a layer does beside its own work is in that layer's row.
  if (node.index != layer) return {"fused", output.layout, 0, 0, 0};
  const LayerNeeds& needs = node.needs;
  const bool training = runs_backward(options_.phase);
  const bool own = !needs.aliases_input && output.whole == kNone;
  return {needs.kernel, output.layout, own ? floats_of_value(node.output) : 0, training ? needs.saved : 0,
          training ? std::max(needs.forward_scratch, needs.backward_scratch) : needs.forward_scratch};
}

}  // namespace gradloom
