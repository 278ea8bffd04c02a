#include "support/layer_run.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <mutex>

#include "kernels/lanes.h"
#include "support/guarded_buffer.h"

namespace gradloom::test {
namespace {

class CollectingSink final : public GradientSink {
 public:
  CollectingSink(const Layer& layer, GradientPlace place, std::vector<std::unique_ptr<GuardedBuffer>>& parameters)
      : place_(place), parameters_(parameters) {
    for (const ParameterSpec& parameter : layer.parameters()) {
      buffers_.push_back(std::make_unique<GuardedBuffer>(parameter.shape.size()));
      collected_.emplace_back(static_cast<size_t>(parameter.shape.size()));
      completions_.emplace_back(static_cast<size_t>(parameter.shape.size()));
    }
  }

  float* target(int parameter, int64_t first, float* scratch) override {
    return place_ == GradientPlace::kScratchOfLayer ? scratch
                                                    : buffers_[static_cast<size_t>(parameter)]->data() + first;
  }

  void complete(int parameter, int64_t first, int64_t count, const float* gradient) override {
    const std::lock_guard guard(mutex_);
    const auto at = static_cast<size_t>(parameter);
    for (int64_t i = 0; i < count; ++i) {
      const auto element = static_cast<size_t>(first + i);
      collected_[at].at(element) = gradient[i];
      ++completions_[at].at(element);
      parameters_[at]->data()[element] = std::numeric_limits<float>::quiet_NaN();
    }
  }

  std::vector<std::vector<float>> take() { return std::move(collected_); }

  std::string broken_rules() const {
    for (const auto& counts : completions_) {
      if (std::any_of(counts.begin(), counts.end(), [](int n) { return n != 1; })) {
        return "an element of a gradient was not completed exactly once. ";
      }
    }
    const bool intact = std::all_of(buffers_.begin(), buffers_.end(), [](const auto& b) { return b->intact(); });
    return intact ? "" : "written beside the sink's buffer. ";
  }

 private:
  GradientPlace place_;
  std::vector<std::unique_ptr<GuardedBuffer>>& parameters_;
  std::vector<std::unique_ptr<GuardedBuffer>> buffers_;
  std::vector<std::vector<float>> collected_;
  std::vector<std::vector<int>> completions_;
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
  LayerCase result{.batch = batch,
                   .x = fill(batch * layer.input_shape().size()),
                   .dy = fill(batch * layer.output_shape().size()),
                   .parameters = {}};
  for (const ParameterSpec& parameter : layer.parameters()) result.parameters.push_back(fill(parameter.shape.size()));
  return result;
}

}  // namespace

LayerResult run_layer(const Layer& layer, const LayerCase& given) {
  const Layout layout = layer.layout(given.batch, given.offered);
  const LayerNeeds needs = layer.needs({given.batch, given.phase, given.threads, layout});
  const int64_t input_floats = floats_of(layer.input_shape(), layout, given.batch);
  const int64_t output_floats = floats_of(layer.output_shape(), layout, given.batch);
  const bool training = runs_backward(given.phase);
  GuardedBuffer x(from_rows(given.x, layer.input_shape(), layout, given.batch, 3.0F));
  GuardedBuffer y(needs.aliases_input ? 0 : output_floats);
  GuardedBuffer dy(from_rows(given.dy, layer.output_shape(), layout, given.batch, 0.0F));
  GuardedBuffer dx(needs.aliases_input ? 0 : input_floats);
  GuardedBuffer saved(needs.saved);
  GuardedBuffer forward_scratch(needs.forward_scratch);
  GuardedBuffer backward_scratch(needs.backward_scratch);
  std::vector<std::unique_ptr<GuardedBuffer>> parameters;
  for (const auto& values : given.parameters) parameters.push_back(std::make_unique<GuardedBuffer>(values));
  const std::vector<const float*> pointers = pointers_to(parameters);
  CollectingSink sink(layer, given.place, parameters);

  float* output = needs.aliases_input ? x.data() : y.data();
  float* input_gradient = needs.aliases_input ? dy.data() : dx.data();
  LayerResult result;
  Team::run(given.threads, [&](Team& team) {
    const Pass pass{team, given.batch, given.phase, given.seed, given.step};
    layer.forward({pass, layout, x.data(), output, saved.data(), forward_scratch.data(), pointers});
    result.y = to_rows({output, output + output_floats}, layer.output_shape(), layout, given.batch);
    if (!training) return;
    // What the layer does not ask for is gone by the time of its backward pass.
    if (!needs.backward_reads_input && !needs.aliases_input) x = GuardedBuffer(input_floats);
    if (!needs.backward_reads_output && !needs.aliases_input) {
      y = GuardedBuffer(output_floats);
      output = y.data();
    }
    layer.backward({pass, layout, x.data(), output, dy.data(), given.input_gradient ? input_gradient : nullptr,
                    saved.data(), backward_scratch.data(), pointers, sink});
  });

  if (training) {
    if (given.input_gradient) {
      const std::vector<float> gradient(input_gradient, input_gradient + input_floats);
      result.dx = to_rows(gradient, layer.input_shape(), layout, given.batch);
      if (!zero_beyond_batch(gradient, layer.input_shape(), layout, given.batch)) {
        result.broken_rules += "a gradient in a lane beyond the batch. ";
      }
    }
    result.broken_rules += sink.broken_rules();
    result.gradients = sink.take();
  }
  for (const GuardedBuffer* buffer : {&x, &y, &dy, &dx, &saved, &forward_scratch, &backward_scratch}) {
    if (!buffer->intact()) result.broken_rules += "written beside a buffer. ";
  }
  return result;
}

LayerCase integer_case(const Layer& layer, int64_t batch, RandomData& random) {
  return make_case(layer, batch, [&](int64_t count) { return random.integers(count); });
}

LayerCase normal_case(const Layer& layer, int64_t batch, RandomData& random) {
  return make_case(layer, batch, [&](int64_t count) { return random.normal(count); });
}

}  // namespace gradloom::test
