// Work of one environment that runs on threads of ours. An operation lives from its start until it has settled on the
// JavaScript thread, or until the environment goes: then all are stopped, joined and dropped.
#pragma once

#include <list>
#include <memory>

#include <napi.h>
#include "binding/event_channel.h"
#include "training/threads/job.h"

namespace gradloom {

// Made and destroyed on the JavaScript thread, so that it may hold references to JavaScript values.
class Operation {
 public:
  Operation(Napi::Env env, const char* name) : channel_(env, name) {}
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // On the operation's own thread; does not throw.
  virtual void work(const std::atomic<bool>& stop) = 0;
  // Ends what `work` waits for, once stop is set; from any thread.
  virtual void wake() {}
  // On the JavaScript thread, after `work`.
  virtual void settle(Napi::Env env) = 0;

 protected:
  EventChannel& channel() { return channel_; }
  // On the JavaScript thread.
  void stop() { job_->stop(); }

 private:
  friend class Operations;
  EventChannel channel_;
  std::unique_ptr<EventChannel::Call> finish_;  // made before it is needed, so that it never lacks memory
  std::shared_ptr<Job> job_;
};

class Operations {
 public:
  explicit Operations(Napi::Env env);
  // Stops and joins all.
  ~Operations() { clear(); }
  Operations(const Operations&) = delete;
  Operations& operator=(const Operations&) = delete;

  // Starts the operation's thread. The job can be stopped at any time, also when it has long ended.
  std::weak_ptr<Job> start(std::unique_ptr<Operation> operation);

 private:
  void finish(Napi::Env env, Operation* operation);
  void clear();

  std::list<std::unique_ptr<Operation>> running_;
};

}  // namespace gradloom
