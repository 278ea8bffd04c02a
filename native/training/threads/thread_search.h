// How many threads take part in the steps of a run, found out as it goes. Steps give the same bits on any number, but
// no rule over shapes knows which is fastest: a virtual machine's cores may be near to each other or far apart from
// minute to minute, and other programs may use them.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "common/parallel.h"

namespace gradloom {

// Now and then some steps are done by half or twice as many threads, which go on if they were faster. Trials that lead
// to nothing become rare: they take some two steps in thousands, or a hundredth of the time where not all threads take
// part. Long steps are tried only to get all threads back.
//
// Beside a program that takes a core, steps of all threads wait for the one that shares it, whole time slices: they are
// late. If more than a hundredth is, half of all threads may also be somewhat slower, since their steps take equally
// long; if they do not, all go on.
class ThreadSearch {
 public:
  ThreadSearch() = default;
  // For steps on a batch; begins with `most` threads.
  ThreadSearch(int most, int64_t batch) : most_(most), batch_(batch), threads_(most) {}

  int64_t batch() const { return batch_; }
  // Goes on, if it is for these, or begins anew.
  void go_on_for(int most, int64_t batch) {
    if (!is_for(most, batch)) *this = ThreadSearch(most, batch);
  }
  bool is_for(int most, int64_t batch) const { return most == most_ && batch == batch_; }
  // That the next step takes.
  int threads() const { return threads_; }
  // How long it took.
  void add_step(double seconds);

 private:
  // Steps that are looked at together; the first ones find data in other cores' caches.
  static constexpr size_t kSettling = 2;
  static constexpr size_t kMeasured = 7;

  void end_window(double median);
  void end_trial(double seconds, double longest);
  void forgive();
  void count_late(double median);
  bool is_late() const;
  int candidate() const;
  int64_t most_wait(double seconds, double longest) const;
  int64_t soon() const;

  int most_ = 1;
  int64_t batch_ = 0;
  int threads_ = 1;
  std::array<double, kSettling + kMeasured> seconds_{};
  size_t steps_ = 0;       // of the window
  double usual_ = 0;       // seconds of a step outside of trials, a moving mean
  double late_ = 0;        // share of these steps, likewise
  int back_to_ = 0;        // threads, while a trial runs
  bool fewer_ = true;      // whether the next trial is of fewer
  int64_t wait_ = 1;       // windows from trial to trial
  int64_t late_wait_ = 0;  // the same, behind one that ended late steps
  int64_t waited_ = 0;
  bool ended_late_ = false;  // whether these threads were chosen to end late steps
  int64_t forgiven_ = 0;     // windows in which late steps are no reason for fewer threads
};

// Searches of calls of several sizes, as a server's: of each of the last ones.
class ThreadSearches {
 public:
  ThreadSearch& search(int most, int64_t batch);

 private:
  static constexpr size_t kMost = 8;
  std::array<ThreadSearch, kMost> recent_;  // the last one first
};

// Resizes a team for one step, and tells the search how long that took, unless it does not count: steps that do more or
// less than others would be taken for slower or faster ones.
class SearchedStep {
 public:
  SearchedStep(ThreadSearch& search, Team& team, bool counts = true)
      : search_(search), team_(team), most_(team.size()), counts_(counts && most_ > 1) {
    if (counts_) begun_ = Clock::now();
    team.resize(search.threads());
  }
  ~SearchedStep() {
    team_.resize(most_);
    if (counts_) search_.add_step(std::chrono::duration<double>(Clock::now() - begun_).count());
  }
  SearchedStep(const SearchedStep&) = delete;
  SearchedStep& operator=(const SearchedStep&) = delete;

 private:
  using Clock = std::chrono::steady_clock;

  ThreadSearch& search_;
  Team& team_;
  int most_;
  bool counts_;
  Clock::time_point begun_;
};

}  // namespace gradloom
