#include <map>

#include "common/error.h"
#include "optimizers/adadelta.h"
#include "optimizers/adagrad.h"
#include "optimizers/adagrad_dual_averaging.h"
#include "optimizers/adagrad_norm.h"
#include "optimizers/adam.h"
#include "optimizers/ftrl.h"
#include "optimizers/optimizer.h"
#include "optimizers/proximal_adagrad.h"
#include "optimizers/rmsprop.h"
#include "optimizers/rowwise_adagrad.h"
#include "optimizers/sgd.h"
#include "optimizers/shampoo.h"

namespace gradloom {
namespace {

using Factory = std::unique_ptr<Optimizer> (*)(const Spec&);

template <class T>
std::unique_ptr<Optimizer> make(const Spec& spec) {
  return std::make_unique<T>(spec);
}

const std::map<std::string, Factory>& factories() {
  static const std::map<std::string, Factory> table = {
      {"adadelta", make<Adadelta>},
      {"adagrad", make<Adagrad>},
      {"adagradDualAveraging", make<AdagradDualAveraging>},
      {"adagradNorm", make<AdagradNorm>},
      {"adam", make<Adam>},
      {"adamW", make<Adam>},
      {"ftrl", make<Ftrl>},
      {"proximalAdagrad", make<ProximalAdagrad>},
      {"rmsprop", make<Rmsprop>},
      {"rowwiseAdagrad", make<RowwiseAdagrad>},
      {"sgd", make<Sgd>},
      {"shampoo", make<Shampoo>},
  };
  return table;
}

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const Spec& spec) {
  const std::string& kind = spec.string("kind");
  const auto found = factories().find(kind);
  if (found == factories().end()) throw Error("UNKNOWN_KIND", "there is no optimizer of kind \"" + kind + "\"");
  return found->second(spec);
}

std::vector<std::string> optimizer_kinds() {
  std::vector<std::string> kinds;
  for (const auto& [kind, factory] : factories()) kinds.push_back(kind);
  return kinds;
}

}  // namespace gradloom
