#include "layers/tables/embedding_bag.h"

#include "common/checked.h"
#include "common/error.h"
#include "layers/tables/pooled_gradient.h"
#include "layers/tables/table_spec.h"

namespace gradloom {
namespace {

Pooling parse_pooling(const std::string& name, const std::string& label) {
  if (name == "sum") return Pooling::kSum;
  if (name == "mean") return Pooling::kMean;
  if (name == "max") return Pooling::kMax;
  throw Error("INVALID_SPEC", label + ": pooling \"" + name + "\" does not exist");
}

// Winners are numbers of entries in the place of floats.
static_assert(sizeof(int32_t) == sizeof(float));

struct WinnerTerms {
  const uint32_t* from;
  const int32_t* winners;
  const float* dy;
  int64_t width;

  void sum(const GroupRange& range, float* gradients) const {
    sum_winner_gradients(range, from, dy, winners, width, gradients);
  }
  void of_entries(const EntryRange& range, float* gradients) const {
    entry_winner_gradients(range, from, dy, winners, width, gradients);
  }
};

}  // namespace

EmbeddingBag::EmbeddingBag(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape),
      reads_ids_(spec.integer("rows", 0) > 0),
      rows_(reads_ids_ ? spec.integer("rows", 1) : input_shape.size()),
      units_(spec.integer("units", 1)),
      rule_{parse_pooling(spec.string("pooling"), label())} {
  check_table_rows(rows_, label());
  rule_.padding = read_padding(spec, rows_, label());
  if (input_shape.rank() != 1) {
    throw Error("SHAPE_MISMATCH", label() +
                                      ": takes lists of ids or sparse vectors of features, got samples of shape " +
                                      input_shape.to_string());
  }
  set_output_shape({units_});
  add_parameter(table_parameter(spec, rows_, units_, label()));
}

LayerNeeds EmbeddingBag::needs(const LayerSetting& setting) const {
  const bool keeps_winners = rule_.pooling == Pooling::kMax && runs_backward(setting.phase);
  const bool sums = rule_.pooling != Pooling::kMax && rule_.padding < 0;
  return {.kernel = "gather",
          .sums_unsorted = sums && sums_unsorted(parameters()[0]),
          .saved = keeps_winners ? checked_multiply(setting.batch, units_) : 0,
          .backward_scratch = pooled_gradient_scratch(parameters()[0], setting.threads)};
}

void EmbeddingBag::forward(const ForwardArguments& args) const {
  const SparseRows& bags = args.sparse->rows;
  auto* winners = runs_backward(args.pass.phase) ? reinterpret_cast<int32_t*>(args.saved) : nullptr;
  const TableElements table = elements_of(parameters()[0], args.parameters[0]);
  const Tiling tiles = tile_bags(bags, units_);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    pool_rows(rule_, bags, table, units_, tiles.first(tile), tiles.size(tile), args.y, winners);
  });
}

void EmbeddingBag::backward(const BackwardArguments& args) const {
  const SparseRows& bags = args.sparse->rows;
  if (rule_.pooling == Pooling::kMean) {
    const Tiling tiles = tile_rows(bags.count, units_);
    args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
      for (int64_t n = tiles.first(tile); n < tiles.first(tile) + tiles.size(tile); ++n) {
        const auto entries = static_cast<float>(std::max<int64_t>(1, count_entries(bags, n, rule_.padding)));
        for (int64_t i = 0; i < units_; ++i) args.dy[n * units_ + i] /= entries;
      }
    });
  }
  // Maxima do not heed values.
  if (rule_.pooling != Pooling::kMax) {
    complete_value_gradients(args, {elements_of(parameters()[0], args.parameters[0]), units_, rule_.padding});
  }
  if (!trainable()) return;
  const TableGradient table{.parameter = 0, .spec = parameters()[0], .padding = rule_.padding, .scratch = args.scratch};
  if (rule_.pooling == Pooling::kMax) {
    const auto* winners = reinterpret_cast<const int32_t*>(args.saved);
    complete_table_gradient(args, table, WinnerTerms{args.sparse->samples, winners, args.dy, units_});
  } else {
    complete_pooled_gradient(args, table);
  }
}

}  // namespace gradloom
