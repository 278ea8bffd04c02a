// A training run as JavaScript sees it: its events, and its handle (NativeRun of lib/native).
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <napi.h>
#include "binding/convert.h"
#include "binding/js_loss.h"
#include "binding/operations.h"
#include "binding/rate_feed.h"
#include "training/run/epoch_loop.h"
#include "training/run/learner.h"

namespace gradloom {

// What the handle, the training thread and the event loop share of a run. Epoch events are numbered from 1.
class RunControl {
 public:
  // Without lockstep the thread may be this many events ahead of the event loop; none where events hold all samples.
  static constexpr uint64_t kMostAhead = 1024;

  RunControl(bool lockstep, uint64_t most_ahead) : most_ahead_(most_ahead), lockstep_(lockstep) {}

  // On the JavaScript thread.
  void set_lockstep(bool on);
  void delivered(uint64_t event);
  void acknowledge();
  void set_paused(bool on);
  // For the next step's boundary; what was asked before stands.
  void ask(const RunRequests& requests);
  // Snapshots that were sent and are not yet done with hold further ones up, unless they are asked for.
  void snapshot_done();

  // On the training thread, after sending epoch event `event`: returns when the consumer has caught up, or once
  // stopped.
  void wait_for_consumer(uint64_t event);
  // What was asked, once the run is not paused, or stopped.
  RunRequests take_requests();
  void snapshot_sent() { snapshots_in_flight_.fetch_add(1); }
  bool snapshot_in_flight() const { return snapshots_in_flight_.load(std::memory_order_relaxed) > 0; }

  // From any thread.
  void stopped();

 private:
  const uint64_t most_ahead_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool lockstep_;
  bool stopped_ = false;
  bool paused_ = false;
  uint64_t delivered_ = 0;
  uint64_t acknowledged_ = 0;
  RunRequests requests_;
  std::atomic<bool> asked_{false};  // whether the training thread has to look: something was asked, or it is paused
  std::atomic<int> snapshots_in_flight_{0};
};

// Progress on its way to the event loop. Where that is behind, the oldest reports are dropped.
class ProgressQueue {
 public:
  static constexpr size_t kMost = 256;

  // On the training thread: whether a call has to be sent that takes them.
  bool add(ProgressReport report);
  // On the JavaScript thread.
  std::deque<ProgressReport> take(uint64_t& dropped);

 private:
  std::mutex mutex_;
  std::deque<ProgressReport> reports_;
  bool in_flight_ = false;
  uint64_t dropped_ = 0;
};

// What a run takes of its trainer.
struct TrainerShare {
  std::shared_ptr<Learner> learner;
  std::shared_ptr<JsLoss> js_loss;  // null unless the loss is a custom one
  int threads;
};

// The parts of a stream on their way to the training thread, one at a time. They are made and dropped on the JavaScript
// thread, as they hold its values.
class StreamParts {
 public:
  // On the JavaScript thread. Null: there are no more.
  void push(std::unique_ptr<HeldSamples> part);
  void drop_used();

  // On the training thread: waits for the next part and takes it in place of the one before; null when there are no
  // more, or once stopped; nothing after `most_seconds`.
  std::optional<const ArraySamples*> take(double most_seconds);

  // From any thread.
  void stop();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<HeldSamples> next_, current_;
  std::vector<std::unique_ptr<HeldSamples>> used_;
  bool over_ = false;
};

class FitOperation final : public Operation, private RunObserver {
 public:
  // Throws MODEL_BUSY when the network already trains, and what is wrong with the data; nothing has changed then.
  FitOperation(Napi::Env env, const TrainerShare& trainer, const Napi::Value& train, const Napi::Value& options,
               const Napi::Value& on_event);
  ~FitOperation() override;

  const std::shared_ptr<RunControl>& control() const { return control_; }
  // Null when the learning rate does not change.
  const std::shared_ptr<RateFeed>& rates() const { return rates_; }
  // Null unless the run is over a stream.
  const std::shared_ptr<StreamParts>& parts() const { return parts_; }
  bool augments() const { return options_.augmentation.changes(); }

  void work(const std::atomic<bool>& stop) override;
  void wake() override;
  void settle(Napi::Env env) override;

 private:
  void tell(EventChannel::Call call);
  void on_progress(const ProgressReport& report) override;
  void on_epoch(const EpochReport& report) override;
  RunRequests at_boundary() override { return control_->take_requests(); }
  bool takes_snapshots() override { return !control_->snapshot_in_flight(); }
  void on_snapshot(Snapshot snapshot) override;
  void on_inspection(InspectionReport report) override;
  void ask_for_rates(uint64_t first);
  std::optional<const ArraySamples*> next_samples(double most_seconds) override;

  std::shared_ptr<Learner> learner_;
  std::optional<HeldSamples> train_;  // or else
  std::shared_ptr<StreamParts> parts_;
  std::optional<HeldSamples> validation_;
  FitOptions options_;
  RunStart start_;
  std::shared_ptr<RunControl> control_;
  std::shared_ptr<RateFeed> rates_;
  Napi::FunctionReference on_event_;
  std::optional<AttachedLoss> loss_;
  uint64_t epoch_events_ = 0;
  ProgressQueue progress_;
  bool settled_ = false;
  FitEnd end_ = FitEnd::kCompleted;
  std::exception_ptr error_;
  std::exception_ptr untold_;  // of the JavaScript thread
};

class RunWrap : public Napi::ObjectWrap<RunWrap> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit RunWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RunWrap>(info) {}
  void attach(const FitOperation& operation, std::shared_ptr<Learner> learner);
  void attach(std::weak_ptr<Job> job) { job_ = std::move(job); }

 private:
  Napi::Value stop(const Napi::CallbackInfo& info);
  Napi::Value set_lockstep(const Napi::CallbackInfo& info);
  Napi::Value acknowledge(const Napi::CallbackInfo& info);
  Napi::Value set_paused(const Napi::CallbackInfo& info);
  Napi::Value ask(const Napi::CallbackInfo& info);
  Napi::Value snapshot_done(const Napi::CallbackInfo& info);
  Napi::Value push_rates(const Napi::CallbackInfo& info);
  Napi::Value push(const Napi::CallbackInfo& info);

  std::shared_ptr<RunControl> control_;
  std::shared_ptr<RateFeed> rates_;
  std::shared_ptr<StreamParts> parts_;  // null unless the run is over a stream
  bool augments_ = false;
  std::shared_ptr<Learner> learner_;
  std::weak_ptr<Job> job_;
};

}  // namespace gradloom
