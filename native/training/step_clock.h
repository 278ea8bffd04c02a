// The time of training steps, part by part: the gather, every layer forward and backward, and so on. For who asks;
// other steps look at no clock.
#pragma once

#include <chrono>
#include <cstddef>
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

class StepClock {
 public:
  // For at most so many steps of a plan with so many nodes.
  StepClock(size_t nodes, size_t steps) : seconds_(forward_part(nodes)) { steps_.reserve(steps); }

  void begin_step() { last_ = begun_ = Clock::now(); }
  // What was done since the last part ended was this one.
  void end_part(size_t part) {
    const Clock::time_point now = Clock::now();
    seconds_[part] += seconds_between(last_, now);
    last_ = now;
  }
  // The same of several parts that were done side by side, if any: each gets an equal share.
  void end_parts(const std::vector<size_t>& parts) {
    const Clock::time_point now = Clock::now();
    if (parts.empty()) return;
    for (const size_t part : parts) seconds_[part] += seconds_between(last_, now) / static_cast<double>(parts.size());
    last_ = now;
  }
  void end_step() { steps_.push_back(seconds_between(begun_, last_)); }

  // Of all steps.
  double seconds(size_t part) const { return seconds_[part]; }
  // Of each step.
  const std::vector<double>& steps() const { return steps_; }

 private:
  using Clock = std::chrono::steady_clock;
  static double seconds_between(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
  }

  std::vector<double> seconds_;
  std::vector<double> steps_;
  Clock::time_point begun_;
  Clock::time_point last_;
};

}  // namespace gradloom
