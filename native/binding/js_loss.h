// A custom loss that a JavaScript function computes. The thread that trains or evaluates asks for it through its
// operation's channel and waits for the answer; the event loop stays free otherwise. A step that is made on the
// JavaScript thread itself calls the function at once.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include <napi.h>
#include "binding/event_channel.h"
#include "losses/custom_loss.h"

namespace gradloom {

class JsLoss final : public LossCaller {
 public:
  // On the JavaScript thread: for the time of an operation, one at a time. Without a channel `mean` is called on the
  // JavaScript thread, too. `function` takes outputs, labels, weights of samples or undefined, the gradient to fill or
  // undefined, and the batch size; it returns the mean, or undefined when it has failed and knows why.
  void attach(EventChannel* channel, const Napi::Value& function);
  void detach();

  // Ends what the operation's thread waits for; from any thread.
  void stop();

  // On the operation's thread, or the JavaScript thread (see attach).
  double mean(const LossArguments& args) override;

 private:
  void answer(Napi::Env env);

  EventChannel* channel_ = nullptr;  // null where `mean` runs on the JavaScript thread
  Napi::FunctionReference function_;
  std::mutex mutex_;
  std::condition_variable changed_;
  const LossArguments* asked_ = nullptr;  // while the thread waits; its memory is not touched otherwise
  bool answered_ = false;
  std::optional<double> mean_;  // nothing: the function failed
  bool stopped_ = false;
};

// Attached as long as it lives, which begins and ends on the JavaScript thread.
class AttachedLoss {
 public:
  AttachedLoss(std::shared_ptr<JsLoss> loss, EventChannel* channel, const Napi::Value& function)
      : loss_(std::move(loss)) {
    if (loss_ != nullptr) loss_->attach(channel, function);
  }
  ~AttachedLoss() {
    if (loss_ != nullptr) loss_->detach();
  }
  AttachedLoss(const AttachedLoss&) = delete;
  AttachedLoss& operator=(const AttachedLoss&) = delete;

  void stop() {
    if (loss_ != nullptr) loss_->stop();
  }

 private:
  std::shared_ptr<JsLoss> loss_;
};

struct MadeLoss {
  std::unique_ptr<Loss> loss;
  std::shared_ptr<JsLoss> js;  // null unless it is a custom loss
};

MadeLoss make_loss_of(const Spec& spec);

}  // namespace gradloom
