// Tables whose rows move in every step, also in those that name others: by penalties, or by the step's number. They are
// brought to where they are when a step names them, and all of them before anybody else reads the weights. What a rule
// trains by does not change with that (Optimizer::settle), so the bits of a run do not depend on who reads when.
#pragma once

#include <cstdint>
#include <vector>

#include "common/parallel.h"
#include "training/network/network.h"
#include "training/plan/plan.h"

namespace gradloom {

class Learner;

class LazyRowUpdates final : public LazyWeights {
 public:
  explicit LazyRowUpdates(Learner& learner);
  // The weights are left as they are behind the last step.
  ~LazyRowUpdates() override;
  LazyRowUpdates(const LazyRowUpdates&) = delete;
  LazyRowUpdates& operator=(const LazyRowUpdates&) = delete;

  bool empty() const { return tables_.empty(); }
  // The tables, by number.
  std::vector<int> parameters() const;
  // Before forward, with the step's learning rate set: settles the rows that the batch names.
  void begin_step(Team& team, Plan& plan);
  void settle() override;
  bool stale() const override { return stale_; }
  // The states are those that go with the network's weights, both behind the steps so far.
  void resume();
  // The same for weights alone, of which the states follow.
  void begin();

 private:
  struct Table {
    int parameter;
    std::vector<int> inputs;  // of the network, that name its rows
    double rate;              // of the steps since its rows were adopted
  };

  void settle_named(Team& team, Plan& plan, const Table& table);

  Learner& learner_;
  std::vector<Table> tables_;
  bool stale_ = false;  // steps have gone by since `settle`
};

}  // namespace gradloom
