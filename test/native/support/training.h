// Small nets, learners and data for the tests of training.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "datasets/array_samples.h"
#include "support/random_data.h"
#include "training/run/epoch_loop.h"
#include "training/run/learner.h"
#include "training/step/train_step.h"

namespace gradloom::test {

// Float inputs with class or value labels, and the memory that ArraySamples only points to.
struct Samples {
  std::vector<float> inputs;
  std::vector<int32_t> classes;  // one of the two label lists is empty
  std::vector<float> values;
  Shape shape;
  int64_t label_size = 1;
  std::vector<float> weights = {};  // empty: all 1

  ArraySamples view() const;
};

Samples class_samples(int64_t count, const Shape& shape, int64_t classes, uint64_t seed = 1);
// `count` of them from `first` on, of classes.
Samples some_of(const Samples& samples, int64_t first, int64_t count);
// Targets uniform in [0, 1).
Samples value_samples(int64_t count, const Shape& shape, int64_t outputs, uint64_t seed = 1);

struct LearnerOptions {
  Shape input_shape;
  Spec::List layers;
  std::string loss = "softmaxCrossEntropy";
  Spec::List metrics = {};
  Spec::Object optimizer = {};  // AdaGrad's defaults when empty
  NonFinitePolicy non_finite = NonFinitePolicy::kStop;
  uint64_t seed = 1;
  GradientClip clip = {};
  std::vector<ParameterSettings> parameters = {};
  std::vector<NetworkInput> inputs = {};  // of a network of several, in place of input_shape
};
std::unique_ptr<Learner> make_learner(const LearnerOptions& options);

// Three dense layers with dropout; a convolution with pooling, dropout and a dense layer, each of some
// hundred thousand operations a step, so that more than one thread is used.
LearnerOptions mlp();
// Whose first layer sums its inputs in stretches.
LearnerOptions wide_mlp();
LearnerOptions conv_net(const std::string& kernel = "auto");
// Normalised convolutions, the second of them frozen.
LearnerOptions norm_net(const std::string& kernel = "auto");

// Everything that a step may change: weights, then states.
std::vector<float> state_of(Learner& learner);

// Runs `steps` steps of consecutive batches, from the start again at the end of the samples.
void run_steps(Learner& learner, const ArraySamples& samples, int64_t batch, int steps, int threads);

// Keeps what a run reports.
class RecordingObserver : public RunObserver {
 public:
  void on_progress(const ProgressReport& report) override { progress.push_back(report); }
  void on_epoch(const EpochReport& report) override {
    epochs.push_back(report);
    validations.push_back(report.validation == nullptr ? ObjectiveResult{} : *report.validation);
  }

  std::vector<ProgressReport> progress;
  std::vector<EpochReport> epochs;
  std::vector<ObjectiveResult> validations;  // empty results without validation
};

}  // namespace gradloom::test
