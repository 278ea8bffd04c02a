#include "training/inference/input_gradient.h"

#include <algorithm>
#include <optional>

#include "kernels/tiling.h"
#include "kernels/work_sizes.h"
#include "training/step/gradient_sinks.h"
#include "training/threads/reading_lock.h"

namespace gradloom {
namespace {

// Nothing random is drawn.
constexpr RandomState kNoRandom{0, 0};

// A plan, and what turns its outputs into values and gradients of outputs.
class Differentiator {
 public:
  Differentiator(Network& network, const ArraySamples& samples, const Differentiand& differentiand,
                 const PlanOptions& options)
      : network_(network),
        samples_(samples),
        differentiand_(differentiand),
        plan_(network.shared_architecture(), options) {
    for (size_t layer = 0; layer < network.architecture().layers().size(); ++layer) {
      sinks_.push_back(std::make_unique<DiscardingSink>());
    }
    if (differentiand.objective != nullptr) one_.emplace(differentiand.objective, 1);
  }

  int64_t batch() const { return plan_.batch(); }

  // Of the samples from `first` on, into their places of `values` and of each target.
  void run(Team& team, int64_t first, float* values, const std::vector<InputGradientTarget>& targets) {
    plan_.load(team, samples_, nullptr, first);
    plan_.forward(team, network_.weights(), kNoRandom);
    const int64_t outputs = network_.architecture().output_shape().size();
    for (int64_t i = 0; i < batch(); ++i) {
      values[first + i] =
          differentiate_sample(team, first + i, plan_.output() + i * outputs, plan_.output_gradient() + i * outputs);
    }
    plan_.backward(team, network_.weights(), kNoRandom, sinks_);
    for (size_t k = 0; k < targets.size(); ++k) {
      const auto input = static_cast<int>(k);
      const auto& [gradients, offsets] = targets[k];
      if (offsets != nullptr) {
        copy_entries(plan_.sparse_input(input), gradients, offsets + first);
      } else if (gradients != nullptr) {
        float* stored = gradients + first * network_.architecture().inputs()[k].shape.size();
        samples_.gradients_by_stored(team, batch(), plan_.input_gradient(input), stored, input);
      }
    }
  }

 private:
  // `offsets` are those of the batch's samples, of which the first one's is there.
  void copy_entries(const SparseBatch& sparse, float* gradients, uint32_t* offsets) const {
    const SparseRows& rows = sparse.input().rows;
    std::copy_n(sparse.value_gradients(), rows.entries(), gradients + offsets[0]);
    for (int64_t i = 1; i <= batch(); ++i) offsets[i] = offsets[0] + static_cast<uint32_t>(rows.offsets[i]);
  }

  float differentiate_sample(Team& team, int64_t sample, const float* y, float* dy) {
    if (one_) {
      one_->load_targets(samples_, nullptr, sample);
      return static_cast<float>(one_->compute(team, y, dy));
    }
    const int64_t place = differentiand_.outputs[static_cast<size_t>(sample)];
    std::fill_n(dy, network_.architecture().output_shape().size(), 0.0F);
    dy[place] = 1;
    return y[place];
  }

  Network& network_;
  const ArraySamples& samples_;
  const Differentiand& differentiand_;
  Plan plan_;
  std::vector<std::unique_ptr<GradientSink>> sinks_;
  std::optional<BatchObjective> one_;
};

}  // namespace

void input_gradient(Network& network, const ArraySamples& samples, const Differentiand& differentiand,
                    const PassOptions& options, const std::atomic<bool>& stop, float* values,
                    const std::vector<InputGradientTarget>& targets) {
  if (samples.count() == 0) return;
  const Architecture& architecture = network.architecture();
  const int64_t batch = std::min(options.batch, samples.count());
  const int threads = choose_threads(options.threads, batch * architecture.training_flops());
  const auto make = [&](std::optional<Differentiator>& made, int64_t size) {
    made.emplace(network, samples, differentiand,
                 PlanOptions{size, Phase::kDifferentiating, threads, InputGradient::kKept});
  };
  std::optional<Differentiator> full;
  std::optional<Differentiator> rest;
  make(full, batch);
  if (samples.count() % batch > 0) make(rest, samples.count() % batch);
  Team::run(threads, [&](Team& team) {
    const ReadingLock weights(network);
    for (int64_t first = 0; first < samples.count() && !stop.load(std::memory_order_relaxed); first += batch) {
      Differentiator& part = samples.count() - first < batch ? *rest : *full;
      part.run(team, first, values, targets);
    }
  });
}

}  // namespace gradloom
