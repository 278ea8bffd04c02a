#include "training/threads/job.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <vector>

#include "common/error.h"

namespace gradloom {
namespace {

// The jobs of the process, for its exit: on process.exit and on an uncaught throw no hook of the environment runs.
struct Registry {
  std::mutex mutex;
  std::vector<std::weak_ptr<Job>> jobs;
  std::atomic<int> live{0};
};

Registry& registry() {
  static auto* instance = new Registry;  // never destroyed: used by atexit
  return *instance;
}

void stop_all_at_exit() {
  std::vector<std::shared_ptr<Job>> jobs;
  {
    const std::lock_guard guard(registry().mutex);
    for (const auto& weak : registry().jobs) {
      if (auto job = weak.lock()) jobs.push_back(std::move(job));
    }
  }
  for (const auto& job : jobs) job->stop();
  for (const auto& job : jobs) job->join();
}

void enroll(const std::shared_ptr<Job>& job) {
  [[maybe_unused]] static const int registered = std::atexit(stop_all_at_exit);
  const std::lock_guard guard(registry().mutex);
  auto& jobs = registry().jobs;
  jobs.erase(std::remove_if(jobs.begin(), jobs.end(), [](const auto& weak) { return weak.expired(); }), jobs.end());
  jobs.push_back(job);
}

}  // namespace

std::shared_ptr<Job> Job::start(Work work, std::function<void()> wake) {
  std::shared_ptr<Job> job(new Job(std::move(wake)));
  enroll(job);
  registry().live.fetch_add(1);
  try {
    job->thread_ = std::thread([work = std::move(work), &stop = job->stop_] {
      work(stop);
      registry().live.fetch_sub(1);
    });
  } catch (const std::system_error& error) {
    registry().live.fetch_sub(1);
    throw Error("OUT_OF_MEMORY", std::string("could not start a thread: ") + error.what());
  } catch (...) {
    registry().live.fetch_sub(1);
    throw;
  }
  return job;
}

Job::~Job() {
  stop();
  join();
}

void Job::stop() {
  if (stop_.exchange(true)) return;
  if (wake_) wake_();
}

void Job::join() {
  static std::mutex joining;  // atexit and an environment's end may meet
  const std::lock_guard guard(joining);
  if (thread_.joinable()) thread_.join();
}

int Job::live_count() { return registry().live.load(); }

}  // namespace gradloom
