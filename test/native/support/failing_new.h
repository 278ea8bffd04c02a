// Lets allocations of C++ fail, by an operator new of the tests' own. What libraries in C take is left alone: libgomp
// ends the process where it gets no memory.
#pragma once

#include <cstdint>
#include <new>

#include "common/aligned_buffer.h"
#include "common/error.h"

namespace gradloom::test {

// Which allocations fail: the nth, or that one and all behind it.
enum class Failing { kOne, kAllBehind };

// While one lives; allocations of all threads are counted, from 1.
class FailingNew {
 public:
  FailingNew(int64_t nth, Failing failing);
  ~FailingNew();
  FailingNew(const FailingNew&) = delete;
  FailingNew& operator=(const FailingNew&) = delete;

  bool has_failed() const;
  // Whether one failed on another thread than that which made this.
  bool has_failed_elsewhere() const;
};

// Made by operator new and not yet deleted, on all threads.
int64_t live_allocations();

// What came of an action: nothing special, OUT_OF_MEMORY or a bad_alloc (of which the binding makes one), or anything
// else that was thrown. Allocates nothing itself.
enum class Outcome { kDone, kOutOfMemory, kOther };

template <class Action>
Outcome outcome_of(Action& action) {
  try {
    action();
    return Outcome::kDone;
  } catch (const std::bad_alloc&) {
    return Outcome::kOutOfMemory;
  } catch (const Error& error) {
    return error.code() == "OUT_OF_MEMORY" ? Outcome::kOutOfMemory : Outcome::kOther;
  } catch (...) {
    return Outcome::kOther;
  }
}

struct FailedAllocations {
  int64_t tried = 0;   // until the action was through without one that failed
  int64_t wrong = 0;   // ended in another way than well or by OUT_OF_MEMORY
  int64_t leaked = 0;  // allocations, or bytes of buffers, that outlived all of it
};

// Runs `action` with its first allocation failing, then with its second, and so on; `after(outcome)` behind each. Once
// before without, for what is kept for good.
template <class Action, class After>
FailedAllocations fail_each_allocation(Failing failing, Action action, After after) {
  action();
  after(Outcome::kDone);
  const int64_t live = live_allocations();
  const int64_t bytes = AlignedBuffer::allocated_bytes();
  FailedAllocations result;
  for (bool failed = true; failed; ++result.tried) {
    Outcome outcome = Outcome::kDone;
    {
      const FailingNew failing_new(result.tried + 1, failing);
      outcome = outcome_of(action);
      failed = failing_new.has_failed();
    }
    after(outcome);
    if (outcome == Outcome::kOther || (!failed && outcome != Outcome::kDone)) ++result.wrong;
  }
  --result.tried;
  result.leaked = live_allocations() - live + AlignedBuffer::allocated_bytes() - bytes;
  return result;
}

}  // namespace gradloom::test
