#include <map>

#include "common/error.h"
#include "metrics/accuracy.h"
#include "metrics/binary_accuracy.h"
#include "metrics/confusion_matrix.h"
#include "metrics/custom_metric.h"
#include "metrics/f1.h"
#include "metrics/head_metric.h"
#include "metrics/log_loss.h"
#include "metrics/mean_absolute_error.h"
#include "metrics/metric.h"
#include "metrics/pr_auc.h"
#include "metrics/precision.h"
#include "metrics/r2.h"
#include "metrics/recall.h"
#include "metrics/roc_auc.h"
#include "metrics/root_mean_squared_error.h"
#include "metrics/top_k_accuracy.h"

namespace gradloom {
namespace {

using Factory = std::unique_ptr<Metric> (*)(const Spec&);

template <class T>
std::unique_ptr<Metric> make(const Spec& spec) {
  return std::make_unique<T>(spec);
}

const std::map<std::string, Factory>& factories() {
  static const std::map<std::string, Factory> table = {
      {"accuracy", make<Accuracy>},
      {"binaryAccuracy", make<BinaryAccuracy>},
      {"confusionMatrix", make<ConfusionMatrix>},
      {"custom", make<CustomMetric>},
      {"f1", make<F1>},
      {"logLoss", make<LogLoss>},
      {"meanAbsoluteError", make<MeanAbsoluteError>},
      {"prAuc", make<PrAuc>},
      {"precision", make<Precision>},
      {"r2", make<R2>},
      {"recall", make<Recall>},
      {"rocAuc", make<RocAuc>},
      {"rootMeanSquaredError", make<RootMeanSquaredError>},
      {"topKAccuracy", make<TopKAccuracy>},
  };
  return table;
}

}  // namespace

std::unique_ptr<Metric> make_metric(const Spec& spec) {
  const std::string& kind = spec.string("kind");
  if (kind == HeadMetric::kKind) return std::make_unique<HeadMetric>(spec);
  const auto found = factories().find(kind);
  if (found == factories().end()) throw Error("UNKNOWN_KIND", "there is no metric of kind \"" + kind + "\"");
  return found->second(spec);
}

std::vector<std::string> metric_kinds() {
  std::vector<std::string> kinds;
  for (const auto& [kind, factory] : factories()) kinds.push_back(kind);
  return kinds;
}

}  // namespace gradloom
