// Threads: 1 and 3.
#include "training/profile/step_profile.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "support/sparse_samples.h"
#include "support/specs.h"
#include "support/training.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

// The parts of steps on such samples.
std::vector<ProfiledPart> parts_of(const LearnerOptions& options, const ArraySamples& samples, int64_t batch) {
  const auto learner = make_learner(options);
  return profile_steps(*learner, samples, {.batch = batch, .steps = 2, .threads = 1}).parts;
}

const Plan::Work& work_of(const std::vector<ProfiledPart>& parts, const std::string& name, const std::string& pass) {
  for (const ProfiledPart& part : parts) {
    if (part.name == name && part.pass == pass) return part.work;
  }
  throw std::logic_error("no part " + name + " " + pass);
}

constexpr double kFloat = 4;

}  // namespace

TEST_CASE("profile_steps: the bits of steps that nobody times, and all of their time") {
  constexpr int64_t kBatch = 20;
  constexpr int kSteps = 4;
  constexpr int kBefore = 3;
  const LearnerOptions net = conv_net();
  const Samples samples = class_samples(3 * kBatch + 1, net.input_shape, 10);
  for (const int threads : {1, 3}) {
    CAPTURE(threads);
    const auto plain = make_learner(net);
    run_steps(*plain, samples.view(), kBatch, kBefore + kSteps, threads);
    const auto profiled = make_learner(net);
    const StepProfile profile =
        profile_steps(*profiled, samples.view(), {.batch = kBatch, .steps = kSteps, .threads = threads});
    CHECK(state_of(*profiled) == state_of(*plain));
    CHECK(profiled->steps == kBefore + kSteps);
    CHECK(profile.threads == threads);
    REQUIRE(profile.steps.size() == kSteps);
    double of_parts = 0;
    double flops = 0;
    for (const ProfiledPart& part : profile.parts) {
      CHECK(part.seconds >= 0);
      of_parts += part.seconds;
      flops += part.work.flops;
      CHECK(part.work.working_set >= part.work.bytes);
      // Whoever multiplies takes time and touches memory.
      if (part.work.flops > 0) CHECK((part.seconds > 0 && part.work.bytes > 0));
    }
    CHECK(of_parts == doctest::Approx(profile.seconds).epsilon(1e-9));
    const auto [least, most] = std::ranges::minmax(profile.steps);
    CHECK(profile.seconds >= least * (1 - 1e-9));
    CHECK(profile.seconds <= most * (1 + 1e-9));
    CHECK(flops == static_cast<double>(kBatch * profiled->network().architecture().training_flops()));
  }
}

TEST_CASE("profile_steps: what dense layers move") {
  constexpr int64_t kBatch = 8;
  LearnerOptions net = {.input_shape = {20},
                        .layers = {dense({.units = 30, .activation = "relu", .name = "dense_1"}),
                                   dense({.units = 10, .name = "dense_2"})}};
  const Samples samples = class_samples(kBatch, net.input_shape, 10);
  const auto parts = parts_of(net, samples.view(), kBatch);
  CHECK(work_of(parts, "gather", "").bytes == kFloat * 2 * kBatch * 20);
  CHECK(work_of(parts, "dense_1", "forward").bytes == kFloat * (kBatch * (20 + 30) + 20 * 30 + 30));
  CHECK(work_of(parts, "dense_1", "forward").flops == 2.0 * kBatch * 20 * 30);
  // x, y, dy; weights and accumulators read and written.
  CHECK(work_of(parts, "dense_1", "backward").bytes == kFloat * (kBatch * (20 + 30 + 30) + 4 * (20 * 30 + 30)));
  CHECK(work_of(parts, "dense_1", "backward").flops == 2.0 * kBatch * 20 * 30);
  // AdaGrad's root and division.
  CHECK(work_of(parts, "dense_1", "forward").divisions == 0);
  CHECK(work_of(parts, "dense_1", "backward").divisions == 2 * (20 * 30 + 30));
  CHECK(work_of(parts, "loss", "").bytes == kFloat * kBatch * (2 * 10 + 1));
  // x, dx, dy.
  CHECK(work_of(parts, "dense_2", "backward").bytes == kFloat * (kBatch * (30 + 30 + 10) + 4 * (30 * 10 + 10)));
  CHECK(work_of(parts, "dense_2", "backward").flops == 2 * 2.0 * kBatch * 30 * 10);
  CHECK(work_of(parts, "update", "").bytes == 0);
  // Gradients go through memory, and the update behind all of them reads and writes the rest.
  net.non_finite = NonFinitePolicy::kSkip;
  const auto buffered = parts_of(net, samples.view(), kBatch);
  CHECK(work_of(buffered, "dense_1", "backward").divisions == 0);
  CHECK(work_of(buffered, "update", "").divisions == 2 * (20 * 30 + 30 + 30 * 10 + 10));
  CHECK(work_of(buffered, "dense_1", "backward").bytes == kFloat * (kBatch * (20 + 30 + 30) + 20 * 30 + 30));
  CHECK(work_of(buffered, "dense_2", "backward").bytes == kFloat * (kBatch * (30 + 30 + 10) + 2 * (30 * 10 + 10)));
  CHECK(work_of(buffered, "update", "").bytes == kFloat * 5 * (20 * 30 + 30 + 30 * 10 + 10));
}

TEST_CASE("profile_steps: Winograd's operations beside those of the definition") {
  constexpr int64_t kBatch = 16;
  const LearnerOptions net = {
      .input_shape = {6, 9, 2},
      .layers = {conv2d({.filters = 3, .padding = "same", .name = "conv2d_1", .kernel = "winograd"}),
                 conv2d({.filters = 5, .padding = "same", .name = "conv2d_2", .kernel = "winograd"}),
                 plain_layer("flatten"), dense({.units = 10})}};
  const Samples samples = class_samples(kBatch, net.input_shape, 10);
  const auto parts = parts_of(net, samples.view(), kBatch);
  // Rows of tiles of 4 and 2 pixels take 6 and 4 points, columns of 4, 4 and 1 take 6, 6 and 3.
  constexpr double kImages = 2 * kBatch;
  constexpr int64_t kProducts = (6 + 4) * (6 + 6 + 3);
  constexpr double kTaps = kBatch * (3 * 6 - 2) * (3 * 9 - 2);  // inside of the image
  CHECK(work_of(parts, "conv2d_1", "forward").flops == 2 * kTaps * 2 * 3);
  // Of the tiles of 4x4 pixels, two share the sums of 10 columns; then those of 4x1, 2x4 and 2x1.
  constexpr int64_t kInput = (10 * 12 + 2 * 6 * 12) + (3 * 12 + 6 * 4) + (10 * 6 + 2 * 4 * 12) + (3 * 6 + 4 * 4);
  constexpr int64_t kOutput = 2 * 120 + (3 * 12 + 4 * 2) + 2 * (6 * 4 + 2 * 12) + (3 * 4 + 2 * 2);
  constexpr int64_t kGradient = 2 * 100 + 10 + 2 * (4 * 2 + 4 * 10) + 2;
  CHECK(work_of(parts, "conv2d_1", "forward").kernel_flops == kImages * (kProducts * 2 * 3 + kInput * 2 + kOutput * 3));
  CHECK(work_of(parts, "conv2d_1", "backward").flops == 2 * kTaps * 2 * 3);
  CHECK(work_of(parts, "conv2d_1", "backward").kernel_flops ==
        kImages * (kProducts * 2 * 3 + kInput * 2 + kGradient * 3));
  CHECK(work_of(parts, "conv2d_2", "backward").flops == 2 * 2 * kTaps * 3 * 5);
  CHECK(work_of(parts, "conv2d_2", "backward").kernel_flops ==
        kImages * (kProducts * 3 * 5 + kInput * 5 + kOutput * 3 + kProducts * 3 * 5 + kInput * 3 + kGradient * 5));
  CHECK(work_of(parts, "dense_1", "forward").kernel_flops == 2.0 * kBatch * 6 * 9 * 5 * 10);
  CHECK(work_of(parts, "flatten_1", "forward").bytes == 0);
  CHECK(work_of(parts, "gather", "").bytes == kFloat * 2 * kBatch * 6 * 9 * 2);
}

TEST_CASE("profile_steps: an input that several layers read in lanes is converted") {
  constexpr int64_t kBatch = 16;
  const auto convolution = [](const char* name) {
    return reads(conv2d({.filters = 3, .padding = "same", .name = name}), {"@input"});
  };
  const LearnerOptions net = {
      .input_shape = {6, 9, 2},
      .layers = {convolution("conv2d_1"), convolution("conv2d_2"), reads(plain_layer("add"), {"conv2d_1", "conv2d_2"}),
                 reads(plain_layer("flatten"), {"add_1"}), reads(dense({.units = 10}), {"flatten_1"})}};
  const auto parts = parts_of(net, class_samples(kBatch, net.input_shape, 10).view(), kBatch);
  CHECK(work_of(parts, "conversion", "forward").bytes == kFloat * 2 * kBatch * 6 * 9 * 2);
}

TEST_CASE("profile_steps: tables move the rows that a batch names, in whole cache lines") {
  constexpr int64_t kBatch = 32;
  constexpr int64_t kRows = 1000;
  const SparseSamples samples = sparse_samples(kBatch, kRows);
  const LearnerOptions net = {.input_shape = {kRows}, .layers = {sparse_dense({.units = 10})}};
  const auto parts = parts_of(net, samples.view(), kBatch);
  const auto entries = static_cast<double>(samples.indices.size());
  const double touched = static_cast<double>(std::set(samples.indices.begin(), samples.indices.end()).size());
  const Plan::Work forward = work_of(parts, "sparseDense_1", "forward");
  CHECK(forward.bytes == kFloat * (kBatch * 10 + 10) + entries * (8 + 64));
  CHECK(forward.working_set == std::max(forward.bytes, kFloat * kRows * 10));
  const Plan::Work backward = work_of(parts, "sparseDense_1", "backward");
  // The bias and its accumulator; of a row both are 80 bytes, two lines.
  CHECK(backward.bytes == kFloat * (kBatch * 10 + 4 * 10) + entries * 8 + touched * 2 * 128);
  CHECK(backward.working_set >= kFloat * 2 * kRows * 10);
  CHECK(backward.divisions == 2 * (touched * 10 + 10));
  CHECK(work_of(parts, "gather", "").bytes == entries * 2 * 8);
}

TEST_CASE("profile_steps: statistics and frozen weights divide nothing") {
  const LearnerOptions net = norm_net();
  const auto parts = parts_of(net, class_samples(16, net.input_shape, 10).view(), 16);
  // Scale and shift of 10 channels, shift alone of 7.
  CHECK(work_of(parts, "batchNorm_1", "backward").divisions == 2 * (10 + 10));
  CHECK(work_of(parts, "conv2d_2", "backward").divisions == 0);
  CHECK(work_of(parts, "batchNorm_2", "backward").divisions == 2 * 7);
}

TEST_CASE("profile_steps: fewer samples than a batch are refused") {
  const LearnerOptions net = mlp();
  const Samples samples = class_samples(7, net.input_shape, 10);
  const auto learner = make_learner(net);
  CHECK(error_of([&] { profile_steps(*learner, samples.view(), {.batch = 8, .steps = 1, .threads = 1}); }) ==
        "INVALID_DATA: profile: there are 7 samples, a batch has 8");
  CHECK(learner->steps == 0);
}
