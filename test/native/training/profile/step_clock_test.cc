#include "training/profile/step_clock.h"

#include <doctest/doctest.h>

#include <chrono>

using namespace gradloom;

namespace {

// Shows what it is set to.
struct SetClock {
  using duration = std::chrono::microseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<SetClock>;
  static constexpr bool is_steady = true;

  static time_point now() { return time_point(duration(shown)); }
  static inline rep shown = 0;
};

// A step whose gather and loss take so many microseconds.
void step(StepClockBy<SetClock>& clock, int gather, int loss) {
  clock.begin_step();
  SetClock::shown += gather;
  clock.end_part(kGatherPart);
  SetClock::shown += loss;
  clock.end_part(kLossPart);
  clock.end_step();
  SetClock::shown += 1'000'000;  // between steps
}

constexpr double kMicro = 1e-6;

}  // namespace

TEST_CASE("StepClock: parts are those of the quickest stretch of steps that take 5 ms") {
  StepClockBy<SetClock> clock(0, 16);
  // Steps that make no whole stretch count together.
  step(clock, 1000, 1000);
  step(clock, 500, 1500);
  CHECK(clock.step_seconds() == doctest::Approx(2000 * kMicro));
  CHECK(clock.seconds(kGatherPart) == doctest::Approx(750 * kMicro));
  CHECK(clock.seconds(kLossPart) == doctest::Approx(1250 * kMicro));
  step(clock, 600, 500);  // 5.1 ms in three steps
  const auto first_counts = [&] {
    CHECK(clock.step_seconds() == doctest::Approx(5100 * kMicro / 3));
    CHECK(clock.seconds(kGatherPart) == doctest::Approx(2100 * kMicro / 3));
    CHECK(clock.seconds(kLossPart) == doctest::Approx(3000 * kMicro / 3));
  };
  first_counts();
  // Quicker steps do not count before they make a stretch.
  for (int i = 0; i < 4; ++i) step(clock, 300, 710);
  first_counts();
  step(clock, 800, 210);
  const auto second_counts = [&] {
    CHECK(clock.step_seconds() == doctest::Approx(1010 * kMicro));
    CHECK(clock.seconds(kGatherPart) == doctest::Approx(400 * kMicro));
    CHECK(clock.seconds(kLossPart) == doctest::Approx(610 * kMicro));
  };
  second_counts();
  // Nor do slower ones ever.
  step(clock, 7000, 1);
  second_counts();
  CHECK(clock.steps().size() == 9);
  CHECK(clock.steps().back() == doctest::Approx(7001 * kMicro));
}

TEST_CASE("StepClock: parts side by side have equal shares") {
  StepClockBy<SetClock> clock(2, 1);
  clock.begin_step();
  SetClock::shown += 3000;
  clock.end_parts({forward_part(0), forward_part(1)});
  SetClock::shown += 100;
  clock.end_parts({});
  clock.end_part(kUpdatePart);
  clock.end_step();
  CHECK(clock.seconds(forward_part(0)) == doctest::Approx(1500 * kMicro));
  CHECK(clock.seconds(forward_part(1)) == doctest::Approx(1500 * kMicro));
  CHECK(clock.seconds(kUpdatePart) == doctest::Approx(100 * kMicro));
}
