#include "support/layer_run.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>

#include "datasets/sparse_batch.h"
#include "kernels/layout/lanes.h"
#include "support/compare.h"
#include "support/guarded_buffer.h"

namespace gradloom::test {
namespace {

class CollectingSink final : public GradientSink {
 public:
  CollectingSink(const Layer& layer, Phase phase, GradientPlace place,
                 std::vector<std::unique_ptr<GuardedBuffer>>& parameters)
      : place_(place), parameters_(parameters) {
    for (const ParameterSpec& parameter : layer.parameters()) {
      // Statistics move in training only.
      const bool completed = parameter.role == ParameterRole::kTrained ||
                             (parameter.role == ParameterRole::kStatistic && phase == Phase::kTraining);
      expected_completions_.push_back(completed ? 1 : 0);
      row_widths_.push_back(parameter.row_width);
      buffers_.push_back(std::make_unique<GuardedBuffer>(parameter.shape.size()));
      collected_.emplace_back(static_cast<size_t>(parameter.shape.size()));
      completions_.emplace_back(static_cast<size_t>(parameter.shape.size()));
    }
  }

  float* target(int parameter, int64_t first, float* scratch) override {
    return place_ == GradientPlace::kScratchOfLayer ? scratch
                                                    : buffers_[static_cast<size_t>(parameter)]->data() + first;
  }

  void complete(int parameter, int64_t first, int64_t count, float* gradient) override {
    const std::lock_guard guard(mutex_);
    const auto at = static_cast<size_t>(parameter);
    for (int64_t i = 0; i < count; ++i) {
      const auto element = static_cast<size_t>(first + i);
      collected_[at].at(element) = gradient[i];
      ++completions_[at].at(element);
      parameters_[at]->data()[element] = std::numeric_limits<float>::quiet_NaN();
    }
  }

  void begin_rows(int parameter, int64_t touched) override {
    const auto at = static_cast<size_t>(parameter);
    if (touched_.size() <= at) touched_.resize(at + 1, -1);
    touched_[at] = touched;
    if (place_ == GradientPlace::kBufferOfSink) {
      buffers_[at] = std::make_unique<GuardedBuffer>(touched * row_widths_[at]);
    }
  }

  float* row_target(int parameter, int64_t first, float* scratch) override {
    const auto at = static_cast<size_t>(parameter);
    return place_ == GradientPlace::kScratchOfLayer ? scratch : buffers_[at]->data() + first * row_widths_[at];
  }

  // Of layers that sum entries by themselves.
  void take_rows_in_any_order() { any_order_ = true; }

  void complete_rows(int parameter, const RowGradients& rows) override {
    if (any_order_) return GradientSink::complete_rows(parameter, rows);
    const auto at = static_cast<size_t>(parameter);
    const bool numbered = at < touched_.size() && rows.first >= 0 && rows.first + rows.count <= touched_[at];
    const bool ascending = std::is_sorted(rows.rows, rows.rows + rows.count, std::less_equal<>());
    const bool placed =
        place_ == GradientPlace::kScratchOfLayer || rows.values == buffers_[at]->data() + rows.first * row_widths_[at];
    if (!numbered || !ascending || !placed || rows.width != row_widths_[at]) {
      const std::lock_guard guard(mutex_);
      broken_rows_ = "rows of a table that were not announced, not ascending or not in the sink's buffer. ";
    }
    GradientSink::complete_rows(parameter, rows);
  }

  std::vector<std::vector<float>> take() { return std::move(collected_); }

  std::string broken_rules() const {
    for (size_t p = 0; p < completions_.size(); ++p) {
      const int expected = expected_completions_[p];
      const bool table = row_widths_[p] > 0;  // of which some rows are completed
      if (std::any_of(completions_[p].begin(), completions_[p].end(),
                      [=](int n) { return n != expected && !(table && n == 0); })) {
        return "an element of a gradient was not completed exactly once, or one of a frozen parameter was. ";
      }
    }
    if (!broken_rows_.empty()) return broken_rows_;
    const bool intact = std::all_of(buffers_.begin(), buffers_.end(), [](const auto& b) { return b->intact(); });
    return intact ? "" : "written beside the sink's buffer. ";
  }

 private:
  GradientPlace place_;
  std::vector<std::unique_ptr<GuardedBuffer>>& parameters_;
  std::vector<std::unique_ptr<GuardedBuffer>> buffers_;
  std::vector<std::vector<float>> collected_;
  std::vector<std::vector<int>> completions_;
  std::vector<int> expected_completions_;
  std::vector<int64_t> row_widths_;
  std::vector<int64_t> touched_;
  std::string broken_rows_;
  bool any_order_ = false;
  std::mutex mutex_;
};

std::vector<const float*> pointers_to(const std::vector<std::unique_ptr<GuardedBuffer>>& buffers) {
  std::vector<const float*> pointers;
  for (const auto& buffer : buffers) pointers.push_back(buffer->data());
  return pointers;
}

// Offset in [ceil(N / 16)][C][H][W][16] of value (n, p, c) of samples of this shape.
int64_t lane_offset(const Shape& shape, int64_t n, int64_t p, int64_t c) {
  const int64_t pixels = shape.size() / shape.back();
  return ((n / kLanes * shape.back() + c) * pixels + p) * kLanes + n % kLanes;
}

template <class Visit>
void for_each_value(const Shape& shape, int64_t batch, Visit visit) {
  int64_t row = 0;
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t p = 0; p < shape.size() / shape.back(); ++p) {
      for (int64_t c = 0; c < shape.back(); ++c) visit(static_cast<size_t>(row++), lane_offset(shape, n, p, c));
    }
  }
}

// `beyond` fills the lanes beyond the batch.
std::vector<float> from_rows(const std::vector<float>& rows, const Shape& shape, Layout layout, int64_t batch,
                             float beyond) {
  if (layout == Layout::kRows) return rows;
  std::vector<float> lanes(static_cast<size_t>(floats_of(shape, layout, batch)), beyond);
  for_each_value(shape, batch, [&](size_t row, int64_t lane) { lanes[static_cast<size_t>(lane)] = rows[row]; });
  return lanes;
}

std::vector<float> to_rows(const std::vector<float>& values, const Shape& shape, Layout layout, int64_t batch) {
  if (layout == Layout::kRows) return values;
  std::vector<float> rows(static_cast<size_t>(batch * shape.size()));
  for_each_value(shape, batch, [&](size_t row, int64_t lane) { rows[row] = values[static_cast<size_t>(lane)]; });
  return rows;
}

bool zero_beyond_batch(std::vector<float> values, const Shape& shape, Layout layout, int64_t batch) {
  if (layout == Layout::kRows) return true;
  for_each_value(shape, batch, [&](size_t, int64_t lane) { values[static_cast<size_t>(lane)] = 0; });
  return std::all_of(values.begin(), values.end(), [](float v) { return v == 0; });
}

template <class Fill>
LayerCase make_case(const Layer& layer, int64_t batch, Fill fill) {
  const bool floats = layer.input_form() == InputForm::kFloats;
  LayerCase result{.batch = batch,
                   .x = floats ? fill(batch * layer.input_shape().size()) : std::vector<float>(),
                   .dy = fill(batch * layer.output_shape().size()),
                   .parameters = {}};
  for (const Shape& shape : layer.other_input_shapes()) result.others.push_back(fill(batch * shape.size()));
  for (const ParameterSpec& parameter : layer.parameters()) {
    result.parameters.push_back(fill(parameter.shape.size()));
    if (parameter.name != "runningVariance") continue;
    for (float& variance : result.parameters.back()) variance = 0.5F + std::abs(variance);
  }
  return result;
}

}  // namespace

SparseRows Entries::view() const {
  return {static_cast<int64_t>(offsets.size()) - 1, offsets.data(), indices.data(),
          values.empty() ? nullptr : values.data()};
}

Entries Entries::sample(int64_t n) const {
  const int64_t begin = offsets[static_cast<size_t>(n)];
  const int64_t end = offsets[static_cast<size_t>(n + 1)];
  Entries one{{0, end - begin}, {indices.begin() + begin, indices.begin() + end}};
  if (!values.empty()) one.values.assign(values.begin() + begin, values.begin() + end);
  return one;
}

Entries random_entries(const Layer& layer, int64_t batch, RandomData& random) {
  const bool ids = layer.input_form() == InputForm::kIds;
  const int64_t rows = ids ? layer.id_bound() : layer.input_shape().size();
  Entries entries{{0}, {}};
  for (int64_t n = 0; n < batch; ++n) {
    const int64_t count = ids ? layer.input_shape().size() : random.pick({0, 1, 3, 7});
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = random.pick({int64_t{0}, rows - 1, random.integer(0, rows - 1), random.integer(0, rows - 1)});
      entries.indices.push_back(static_cast<uint32_t>(row));
    }
    entries.offsets.push_back(static_cast<int64_t>(entries.indices.size()));
  }
  if (!ids) entries.values = random.normal(static_cast<int64_t>(entries.indices.size()));
  return entries;
}

namespace {

void fill_batch(const Entries& entries, SparseBatch& batch) {
  const auto samples = static_cast<int64_t>(entries.offsets.size()) - 1;
  batch.reserve(samples, entries.offsets.back());
  std::copy(entries.offsets.begin(), entries.offsets.end(), batch.offsets());
  std::copy(entries.indices.begin(), entries.indices.end(), batch.indices());
  std::copy(entries.values.begin(), entries.values.end(), batch.values());
  for (int64_t n = 0; n < samples; ++n) {
    std::fill(batch.samples() + batch.offsets()[n], batch.samples() + batch.offsets()[n + 1], static_cast<uint32_t>(n));
  }
  batch.filled(samples, !entries.values.empty());
}

}  // namespace

namespace {

// Vectors of `width` floats with a gap of NaN behind each.
struct Gaps {
  int64_t width;
  int64_t gap;

  std::vector<float> spread(const std::vector<float>& values) const {
    std::vector<float> apart;
    for (size_t i = 0; i < values.size(); ++i) {
      apart.push_back(values[i]);
      if ((static_cast<int64_t>(i) + 1) % width == 0) apart.insert(apart.end(), static_cast<size_t>(gap), NAN);
    }
    return apart;
  }
  bool in_gap(size_t i) const { return static_cast<int64_t>(i) % (width + gap) >= width; }
  std::vector<float> close(const std::vector<float>& apart) const {
    std::vector<float> values;
    for (size_t i = 0; i < apart.size(); ++i) {
      if (!in_gap(i)) values.push_back(apart[i]);
    }
    return values;
  }
  bool intact(const std::vector<float>& apart) const {
    for (size_t i = 0; i < apart.size(); ++i) {
      if (in_gap(i) && !std::isnan(apart[i])) return false;
    }
    return true;
  }
};

}  // namespace

LayerResult run_layer(const Layer& layer, const LayerCase& given) {
  const Layout layout = layer.layout(given.batch, given.offered);
  const Layout output_layout = layer.output_layout(layout);
  const Shape& image = given.image.rank() > 0 ? given.image : layer.input_shape();
  const int64_t channels = image.rank() > 0 ? image.back() : 1;
  const ImageBlocks blocks{image.size() / channels, channels};
  const Window2d* const pooling = given.pooling ? &*given.pooling : nullptr;
  const bool floats = layer.input_form() == InputForm::kFloats;
  const bool wants_dx = given.input_gradient && floats;
  const LayerNeeds needs =
      layer.needs({given.batch, given.phase, given.threads, layout, blocks, given.input_gradient, pooling});
  const Shape output_shape = pooling == nullptr
                                 ? layer.output_shape()
                                 : Shape{pooling->output.height, pooling->output.width, layer.output_shape().back()};
  const Shape& output_image = needs.aliases_input ? image : output_shape;
  const int64_t input_floats = floats ? floats_of(layer.input_shape(), layout, given.batch) : 0;
  SparseBatch batch;
  if (!floats) fill_batch(given.entries, batch);
  const SparseInput* sparse = floats ? nullptr : &batch.input();
  const int64_t output_floats = floats_of(output_shape, output_layout, given.batch);
  const bool training = runs_backward(given.phase);
  GuardedBuffer x(given.x_stretches > 1 ? in_stretches(given.x, layer.input_shape().size(), given.x_stretches)
                  : floats              ? from_rows(given.x, image, layout, given.batch, 3.0F)
                                        : given.x);
  const Gaps gaps{output_shape.rank() == 0 ? 1 : output_shape.back(), given.y_gap};
  GuardedBuffer y(gaps.spread(std::vector<float>(needs.aliases_input ? 0 : static_cast<size_t>(output_floats), NAN)));
  GuardedBuffer dy(gaps.spread(from_rows(given.dy, output_image, output_layout, given.batch, 0.0F)));
  const bool passes_gradient = needs.aliases_input || needs.passes_gradient;
  GuardedBuffer dx(passes_gradient ? 0 : input_floats);
  std::vector<std::unique_ptr<GuardedBuffer>> others;
  std::vector<std::unique_ptr<GuardedBuffer>> other_gradients;
  std::vector<float*> other_gradient_pointers;
  for (size_t i = 0; i < given.others.size(); ++i) {
    const Shape& shape = layer.other_input_shapes()[i];
    others.push_back(std::make_unique<GuardedBuffer>(from_rows(given.others[i], shape, layout, given.batch, 3.0F)));
    other_gradients.push_back(std::make_unique<GuardedBuffer>(floats_of(shape, layout, given.batch)));
    other_gradient_pointers.push_back(given.input_gradient ? other_gradients.back()->data() : nullptr);
  }
  const std::vector<const float*> other_pointers = pointers_to(others);
  GuardedBuffer saved(needs.saved);
  GuardedBuffer prepared(needs.prepared);
  GuardedBuffer forward_scratch(needs.forward_scratch);
  GuardedBuffer backward_scratch(needs.backward_scratch);
  std::vector<std::unique_ptr<GuardedBuffer>> parameters;
  for (const auto& values : given.parameters) parameters.push_back(std::make_unique<GuardedBuffer>(values));
  const std::vector<const float*> pointers = pointers_to(parameters);
  // A layer that can do without groups gets them where the sink has rows placed in its own buffer.
  const bool sums_unsorted = needs.sums_unsorted && given.place == GradientPlace::kScratchOfLayer;
  CollectingSink sink(layer, given.phase, given.place, parameters);
  if (sums_unsorted) sink.take_rows_in_any_order();

  float* output = needs.aliases_input ? x.data() : y.data();
  float* input_gradient = passes_gradient ? dy.data() : dx.data();
  LayerResult result;
  Team::run(given.fewer_threads > 0 ? given.fewer_threads : given.threads, [&](Team& team) {
    const Pass pass{team, given.batch, given.phase, given.seed, given.step, {}, given.from_end};
    if (needs.prepared > 0) layer.prepare(team, given.batch, pointers, prepared.data());
    layer.forward({pass, layout, x.data(), output, saved.data(), forward_scratch.data(), pointers, other_pointers,
                   sparse, needs.prepared > 0 ? prepared.data() : nullptr, blocks, pooling, given.y_gap,
                   given.x_stretches});
    if (!gaps.intact(y.values())) result.broken_rules += "written between the vectors of y. ";
    result.y =
        to_rows(needs.aliases_input ? x.values() : gaps.close(y.values()), output_image, output_layout, given.batch);
    if (!training) return;
    if (!floats && !sums_unsorted) {
      batch.group(team, layer.id_bound() > 0 ? layer.id_bound() : layer.input_shape().size());
    }
    // What the layer does not ask for is gone by the time of its backward pass.
    if (!needs.backward_reads_input && !needs.aliases_input) x = GuardedBuffer(input_floats);
    if (!needs.backward_reads_output && !needs.aliases_input) {
      y = GuardedBuffer(output_floats);
      output = y.data();
    }
    layer.backward({pass, layout, x.data(), output, dy.data(), wants_dx ? input_gradient : nullptr, saved.data(),
                    backward_scratch.data(), pointers, sink, other_pointers, other_gradient_pointers, sparse, blocks,
                    pooling, given.y_gap, given.x_stretches});
    if (!gaps.intact(dy.values())) result.broken_rules += "written between the vectors of dy. ";
  });

  if (training) {
    if (wants_dx) {
      const std::vector<float> gradient(input_gradient, input_gradient + input_floats);
      result.dx = to_rows(gradient, image, layout, given.batch);
      if (!zero_beyond_batch(gradient, image, layout, given.batch)) {
        result.broken_rules += "a gradient in a lane beyond the batch. ";
      }
      for (size_t i = 0; i < others.size(); ++i) {
        const float* values = other_gradients[i]->data();
        const Shape& shape = layer.other_input_shapes()[i];
        result.other_gradients.push_back(
            to_rows({values, values + floats_of(shape, layout, given.batch)}, shape, layout, given.batch));
      }
    }
    result.broken_rules += sink.broken_rules();
    result.gradients = sink.take();
  }
  std::vector<const GuardedBuffer*> buffers = {
      &x, &y, &dy, &dx, &saved, &prepared, &forward_scratch, &backward_scratch};
  for (const auto& buffer : others) buffers.push_back(buffer.get());
  for (const auto& buffer : other_gradients) buffers.push_back(buffer.get());
  for (const GuardedBuffer* buffer : buffers) {
    if (!buffer->intact()) result.broken_rules += "written beside a buffer. ";
  }
  return result;
}

LayerCase integer_case(const Layer& layer, int64_t batch, RandomData& random) {
  LayerCase result = make_case(layer, batch, [&](int64_t count) { return random.integers(count); });
  if (layer.input_form() == InputForm::kFloats) return result;
  result.entries = random_entries(layer, batch, random);
  for (float& value : result.entries.values) value = std::round(value);
  return result;
}

LayerCase normal_case(const Layer& layer, int64_t batch, RandomData& random) {
  LayerCase result = make_case(layer, batch, [&](int64_t count) { return random.normal(count); });
  if (layer.input_form() != InputForm::kFloats) result.entries = random_entries(layer, batch, random);
  return result;
}

}  // namespace gradloom::test
