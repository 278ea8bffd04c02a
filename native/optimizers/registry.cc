#include <map>

#include "common/error.h"
#include "optimizers/adagrad.h"
#include "optimizers/optimizer.h"
#include "optimizers/sgd.h"

namespace gradloom {
namespace {

using Factory = std::unique_ptr<Optimizer> (*)(const Spec&);

template <class T>
std::unique_ptr<Optimizer> make(const Spec& spec) {
  return std::make_unique<T>(spec);
}

const std::map<std::string, Factory>& factories() {
  static const std::map<std::string, Factory> table = {
      {"adagrad", make<Adagrad>},
      {"sgd", make<Sgd>},
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
