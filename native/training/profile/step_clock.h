// The time of training steps, part by part: the gather, every layer forward and backward, and so on. For who asks;
// other steps look at no clock.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace gradloom {

// Parts of a step that belong to no layer; behind them come the nodes of its plan.
enum StepPart : size_t {
  kGatherPart,  // samples and targets
  kLossPart,
  kGroupingPart,  // entries of sparse inputs, sorted
  kUpdatePart,    // of steps that know all gradients first
  kFirstNodePart,
};

constexpr size_t forward_part(size_t node) { return kFirstNodePart + 2 * node; }
constexpr size_t backward_part(size_t node) { return forward_part(node) + 1; }

// The parts of steps that took so long together are added up; those of the quickest such stretch are kept. What other
// programs do makes steps longer, never shorter.
constexpr double kStretchSeconds = 0.005;

template <class Clock>
class StepClockBy {
 public:
  // For at most so many steps of a plan with so many nodes.
  StepClockBy(size_t nodes, size_t steps) : quickest_(forward_part(nodes)), current_(forward_part(nodes)) {
    steps_.reserve(steps);
  }

  void begin_step() { last_ = begun_ = Clock::now(); }
  // What was done since the last part ended was this one.
  void end_part(size_t part) {
    const Time now = Clock::now();
    current_.parts[part] += seconds_between(last_, now);
    last_ = now;
  }
  // The same of several parts that were done side by side, if any: each gets an equal share.
  void end_parts(const std::vector<size_t>& parts) {
    const Time now = Clock::now();
    if (parts.empty()) return;
    const double each = seconds_between(last_, now) / static_cast<double>(parts.size());
    for (const size_t part : parts) current_.parts[part] += each;
    last_ = now;
  }
  void end_step() {
    steps_.push_back(seconds_between(begun_, last_));
    ++current_.steps;
    current_.seconds += steps_.back();
    if (current_.seconds >= kStretchSeconds) end_stretch();
  }

  // Of a part, and of all, a step of the quickest stretch; of all steps where these make no whole one.
  double seconds(size_t part) const { return counted().parts[part] / static_cast<double>(counted().steps); }
  double step_seconds() const { return counted().a_step(); }
  // Of each step.
  const std::vector<double>& steps() const { return steps_; }

 private:
  using Time = typename Clock::time_point;
  struct Stretch {
    explicit Stretch(size_t count) : parts(count) {}
    double a_step() const { return seconds / static_cast<double>(steps); }

    std::vector<double> parts;
    double seconds = 0;
    size_t steps = 0;
  };

  static double seconds_between(Time from, Time to) { return std::chrono::duration<double>(to - from).count(); }
  const Stretch& counted() const { return quickest_.steps > 0 ? quickest_ : current_; }
  void end_stretch() {
    if (quickest_.steps == 0 || current_.a_step() < quickest_.a_step()) std::swap(current_, quickest_);
    std::ranges::fill(current_.parts, 0.0);
    current_.seconds = 0;
    current_.steps = 0;
  }

  Stretch quickest_;
  Stretch current_;
  std::vector<double> steps_;
  Time begun_;
  Time last_;
};

using StepClock = StepClockBy<std::chrono::steady_clock>;

}  // namespace gradloom
