// The C++ tests. Threads are named in the tests that use them.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <hwy/targets.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <thread>

#include "kernels/machine/simd_target.h"

#if defined(__SANITIZE_ADDRESS__)
// Out of memory is an error of ours, so the allocator has to answer as it does without a sanitizer.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options() {
  return "allocator_may_return_null=1";
}
#endif

namespace {

std::atomic<const char*> current_test{"(none)"};
std::atomic<int64_t> tests_begun{0};

struct NameListener : doctest::IReporter {
  explicit NameListener(const doctest::ContextOptions&) {}
  void test_case_start(const doctest::TestCaseData& test) override {
    current_test.store(test.m_name);
    ++tests_begun;
  }
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

DOCTEST_REGISTER_LISTENER("name", 1, NameListener);

// A test that hangs ends the program with its name, instead of holding up whoever runs it.
class Watchdog {
 public:
  Watchdog() : thread_([this] { watch(); }) {}
  ~Watchdog() {
    {
      const std::lock_guard guard(mutex_);
      ended_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

 private:
  void watch() {
    constexpr auto kLimit = std::chrono::minutes(15);  // emulated, beside other work, the longest one took eight
    std::unique_lock guard(mutex_);
    for (int64_t begun = -1; begun != tests_begun.load();) {
      begun = tests_begun.load();
      if (changed_.wait_for(guard, kLimit, [this] { return ended_; })) return;
    }
    std::fprintf(stderr, "the tests hang in: %s\n", current_test.load());
    std::abort();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace

int main(int argc, char** argv) {
  // Sanitizers report bus errors themselves, and a test is about one that nobody handles.
  std::signal(SIGBUS, SIG_DFL);
  if (argc == 2 && std::string_view(argv[1]) == "--list-simd-targets") {  // the best one first
    for (const int64_t target : hwy::SupportedAndGeneratedTargets()) std::puts(hwy::TargetName(target));
    return 0;
  }
  // As for the addon: the tests of the kernels run on every instruction set, those of what is chosen on the best one.
  const char* const simd = std::getenv("GRADLOOM_SIMD");
  gradloom::choose_simd_target(simd == nullptr ? "" : simd);
  const Watchdog watchdog;
  return doctest::Context(argc, argv).run();
}
