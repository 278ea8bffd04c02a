// A training run: its thread's work, and the events that it tells JavaScript.
#pragma once

#include <memory>
#include <optional>

#include <napi.h>
#include "binding/convert.h"
#include "binding/js_loss.h"
#include "binding/operations.h"
#include "binding/rate_feed.h"
#include "binding/run_control.h"
#include "training/run/epoch_loop.h"
#include "training/run/learner.h"

namespace gradloom {

// What a run takes of its trainer.
struct TrainerShare {
  std::shared_ptr<Learner> learner;
  std::shared_ptr<JsLoss> js_loss;  // null unless the loss is a custom one
  int threads;
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

}  // namespace gradloom
