#include "training/plan.h"

#include <algorithm>
#include <cmath>

#include "common/checked.h"
#include "kernels/lanes.h"
#include "kernels/tiling.h"
#include "kernels/vectors.h"
#include "layers/rescaled.h"

namespace gradloom {
namespace {

ImageBlocks blocks_of(const Shape& image) {
  // A sample may be a single number.
  const int64_t channels = image.rank() == 0 ? 1 : image.back();
  return {image.size() / channels, channels};
}

// rows[n][p][c] from or to lanes[n / 16][c][p][n % 16].
void convert(Team& team, const Shape& shape, int64_t batch, Layout from, const float* source, float* target) {
  const auto [pixels, channels] = blocks_of(shape);
  // Pixels of one channel have the same order, and need no buffer on the way.
  const LaneImage image = pixels == 1 ? LaneImage{channels, 1} : LaneImage{pixels, channels};
  // Some blocks, or some pixels of one.
  constexpr int64_t kFloatsPerPart = 16 * 1024;
  constexpr int64_t kPixels = 16;
  const int64_t floats = kLanes * shape.size();
  const Tiling blocks = tile_rows(lane_blocks(batch), floats);
  const int64_t most_parts = blocks.step == 1 ? ceil_divide(floats, kFloatsPerPart) : 1;
  const Tiling parts = cut(image.pixels, most_parts, kPixels);
  team.for_each(blocks.count * parts.count, [&](int64_t job, int) {
    const int64_t tile = job / parts.count;
    const int64_t part = job % parts.count;
    const PixelRange range{parts.first(part), parts.first(part) + parts.size(part)};
    for (int64_t block = blocks.first(tile); block < blocks.first(tile) + blocks.size(tile); ++block) {
      const int64_t first = block * floats;  // in both layouts
      const int64_t samples = std::min(kLanes, batch - block * kLanes);
      if (from == Layout::kRows) {
        rows_to_lanes(image, range, samples, source + first, target + first);
      } else {
        lanes_to_rows(image, range, samples, source + first, target + first);
      }
    }
  });
}

}  // namespace

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

// The layer that alone reads what this one gives, or -1.
int Plan::only_reader(int layer) const {
  const int value = architecture_->value_of(layer);
  int reader = -1;
  for (int i = layer + 1; i < static_cast<int>(architecture_->layers().size()); ++i) {
    const std::vector<int>& read = architecture_->inputs_of(i);
    const auto times = std::count(read.begin(), read.end(), value);
    if (times > 0 && (reader >= 0 || times > 1)) return -1;
    if (times > 0) reader = i;
  }
  return reader;
}

// Layers between two that have to have lanes, or an end: all of them that are able, if pays(how many these are, whether
// there are lanes before them, and behind them).
template <class Able, class Pays>
std::vector<bool> Plan::runs_of_layers(Able able, Pays pays) const {
  const auto& layers = architecture_->layers();
  std::vector<bool> chosen(layers.size(), false);
  bool before = false;
  for (size_t i = 0; i < layers.size(); before = true) {
    const size_t first = i;
    int count = 0;
    for (; i < layers.size(); ++i) {
      chosen[i] = able(*layers[i]);
      if (chosen[i]) ++count;
      if (!chosen[i] && layers[i]->layout(options_.batch, Layout::kRows) == Layout::kLanes) break;
    }
    if (!pays(count, before, i < layers.size())) {
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
                        [](int count, bool before, bool behind) {
                          return count >= (!before ? 1 : behind ? kBetweenConversions : kBehindConversion);
                        });
}

// Layers that train in lanes though they take rows, where they are offered lanes: so few behind others in lanes that
// conversions would cost more than they win.
std::vector<bool> Plan::layers_in_lanes() const {
  constexpr int kBetweenConversions = 2;
  constexpr int kBehindConversion = 1;
  if (!runs_backward(options_.phase)) return none_of_layers();
  return runs_of_layers([&](const Layer& layer) { return layer.in_lanes(options_.batch) != nullptr; },
                        [](int count, bool before, bool behind) {
                          return before && count <= (behind ? kBetweenConversions : kBehindConversion);
                        });
}

// Inputs come in rows and the loss takes rows; between them every layer gets the layout it wants.
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
    const bool of_data = runs_backward(options_.phase) && !first.differentiated && !offered_lanes;
    const Fusion fusion = fuse(index, in_rows[i]                     ? own.in_rows(options_.batch)
                                      : in_lanes[i] && offered_lanes ? own.in_lanes(options_.batch)
                                      : of_data                      ? own.of_data(options_.batch)
                                                                     : nullptr);
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
  int reader = only_reader(index);
  if (!runs_backward(options_.phase) && reader >= 0) {
    if (std::unique_ptr<Layer> rescaled = Rescaled::of(*fusion.layer, *layer_at(reader))) {
      fusion.layer = made_.emplace_back(std::move(rescaled)).get();
      fusion.done.push_back(reader);
      fusion.weighted.push_back(reader);
      reader = only_reader(reader);
    }
  }
  if (const auto activation = reader < 0 ? std::nullopt : layer_at(reader)->elementwise()) {
    if (std::unique_ptr<Layer> activated = fusion.layer->activated(*activation)) {
      fusion.layer = made_.emplace_back(std::move(activated)).get();
      fusion.done.push_back(reader);
      reader = only_reader(reader);
    }
  }
  const Window2d* windows = reader < 0 ? nullptr : layer_at(reader)->pooling();
  if (windows != nullptr && fusion.layer->pools(options_.batch, *windows)) {
    fusion.pooling = layer_at(reader);
    fusion.done.push_back(reader);
  }
  return fusion;
}

// Several readers share one conversion.
size_t Plan::in_layout(size_t value, Layout layout) {
  if (values_[value].layout == layout) return value;
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

void Plan::reserve(const ArraySamples& samples) {
  for (size_t i = 0; i < sparse_.size(); ++i) {
    if (!reads_floats(i)) sparse_[i].reserve(batch(), samples.most_entries(batch(), static_cast<int>(i)));
  }
  upcoming_.reserve(sparse_.size() * static_cast<size_t>(batch()));
}

void Plan::load(Team& team, const ArraySamples& samples, const uint32_t* order, int64_t first,
                const Augmenter* augmenter) {
  for (size_t i = 0; i < sparse_.size(); ++i) {
    const auto number = static_cast<int>(i);
    switch (const NetworkInput& read = architecture_->inputs()[i]; read.form) {
      case InputForm::kFloats:
        samples.gather_inputs(team, order, first, batch(), input(number), number, augmenter);
        break;
      case InputForm::kIds: samples.gather_ids(team, order, first, batch(), read.rows, sparse_[i], number); break;
      case InputForm::kSparse: samples.gather_sparse(team, order, first, batch(), sparse_[i], number); break;
    }
  }
  upcoming_.clear();
  if (runs_backward(options_.phase)) samples.locate_inputs(order, first + batch(), batch(), upcoming_);
}

bool Plan::reads_entries(const Node& node) const {
  const size_t input = node.inputs.front().value;
  return input < sparse_.size() && !reads_floats(input);
}

// The rows of tables that several layers read are merged in ascending order.
bool Plan::takes_groups(int layer, const LayerNeeds& needs) const {
  return !needs.sums_entries || options_.duplicates != Duplicates::kSum ||
         architecture_->users_of(architecture_->first_parameter(layer)).size() > 1;
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

void Plan::forward(Team& team, const float* weights, const RandomState& random) {
  const Pass pass{team, options_.batch, options_.phase, random.seed, random.step};
  for (size_t i = 0; i < nodes_.size(); ++i) {
    forward_node(nodes_[i], pass, weights);
    end_part(forward_part(i));
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

int64_t Plan::prepared_floats(const Plan* other) const {
  int64_t floats = 0;
  for (const Node& node : nodes_) {
    const bool shared =
        other != nullptr && std::any_of(other->nodes_.begin(), other->nodes_.end(), [&](const Node& its) {
          return its.needs.prepared > 0 && its.index == node.index && its.needs.kernel == node.needs.kernel;
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
                       windows_of(node), gap_of(output)});
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
  for (size_t i = 0; i < sparse_.size(); ++i) {
    const bool grouped = std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& node) {
      return node.inputs.front().value == i && reads_entries(node) && values_[node.output].differentiated &&
             node.takes_groups;
    });
    if (grouped && options_.duplicates == Duplicates::kSum) groups(team, static_cast<int>(i));
    if (grouped && options_.duplicates != Duplicates::kSum) sparse_[i].part(team, parting(i));
    if (keeps_value_gradients(i)) sparse_[i].keep_value_gradients();
  }
  end_part(kGroupingPart);
  for (size_t i = nodes_.size(); i-- > 0;) {
    Node& node = nodes_[i];
    if (!values_[node.output].differentiated) continue;
    backward_node(node, pass, weights, node.layer == nullptr ? nullptr : sinks[static_cast<size_t>(node.index)].get());
    for (const Input& input : node.inputs) add_to_gradient(team, input);
    end_part(backward_part(i));
  }
}

void Plan::backward_node(Node& node, const Pass& pass, const float* weights, GradientSink* sink) {
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
                        at(node.backward_scratch), parameters_of(node.index, weights), *sink, node.others,
                        node.other_gradients, sparse_input_of(node), blocks_of(input.image), windows_of(node),
                        gap_of(output)});
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
