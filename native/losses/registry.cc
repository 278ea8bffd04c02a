#include <map>

#include "common/error.h"
#include "losses/heads_loss.h"
#include "losses/hinge.h"
#include "losses/huber.h"
#include "losses/loss.h"
#include "losses/mean_absolute_error.h"
#include "losses/mean_squared_error.h"
#include "losses/poisson.h"
#include "losses/sigmoid_binary_cross_entropy.h"
#include "losses/smooth_l1.h"
#include "losses/softmax_cross_entropy.h"
#include "losses/squared_hinge.h"

namespace gradloom {
namespace {

using Factory = std::unique_ptr<Loss> (*)(const Spec&);

template <class T>
std::unique_ptr<Loss> make(const Spec& spec) {
  return std::make_unique<T>(spec);
}

const std::map<std::string, Factory>& factories() {
  static const std::map<std::string, Factory> table = {
      {"hinge", make<Hinge>},
      {"huber", make<Huber>},
      {"meanAbsoluteError", make<MeanAbsoluteErrorLoss>},
      {"meanSquaredError", make<MeanSquaredError>},
      {"poisson", make<Poisson>},
      {"sigmoidBinaryCrossEntropy", make<SigmoidBinaryCrossEntropy>},
      {"smoothL1", make<SmoothL1>},
      {"softmaxCrossEntropy", make<SoftmaxCrossEntropy>},
      {"squaredHinge", make<SquaredHinge>},
  };
  return table;
}

}  // namespace

std::unique_ptr<Loss> make_loss(const Spec& spec) {
  const std::string& kind = spec.string("kind");
  if (kind == HeadsLoss::kKind) return std::make_unique<HeadsLoss>(spec);
  const auto found = factories().find(kind);
  if (found == factories().end()) throw Error("UNKNOWN_KIND", "there is no loss of kind \"" + kind + "\"");
  return found->second(spec);
}

std::vector<std::string> loss_kinds() {
  std::vector<std::string> kinds;
  for (const auto& [kind, factory] : factories()) kinds.push_back(kind);
  return kinds;
}

}  // namespace gradloom
