#include "layers/tables/embedding.h"

#include "common/error.h"
#include "layers/tables/table_gradient.h"
#include "layers/tables/table_spec.h"

namespace gradloom {

Embedding::Embedding(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape), rows_(spec.integer("rows", 1)), units_(spec.integer("units", 1)) {
  check_table_rows(rows_, label());
  padding_ = read_padding(spec, rows_, label());
  if (input_shape.rank() != 1) {
    throw Error("SHAPE_MISMATCH", label() + ": takes lists of ids, got samples of shape " + input_shape.to_string());
  }
  set_output_shape({input_shape[0], units_});
  add_parameter(table_parameter(spec, rows_, units_, label()));
}

LayerNeeds Embedding::needs(const LayerSetting& setting) const {
  return {.kernel = "gather", .backward_scratch = table_gradient_scratch(parameters()[0], setting.threads)};
}

void Embedding::forward(const ForwardArguments& args) const {
  const SparseRows& ids = args.sparse->rows;
  const TableElements table = elements_of(parameters()[0], args.parameters[0]);
  const RowShape rows{units_, units_ + args.y_gap};
  const Tiling tiles = tile_rows(ids.entries(), units_);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first = tiles.first(tile);
    const int64_t count = tiles.size(tile);
    gather_rows(table, rows, ids.indices + first, count, args.y + first * rows.stride, ids.entries() - first - count);
  });
}

void Embedding::backward(const BackwardArguments& args) const {
  if (!trainable()) return;
  complete_table_gradient(args, {.parameter = 0, .spec = parameters()[0], .padding = padding_, .scratch = args.scratch},
                          PooledTerms{{nullptr, nullptr}, args.dy, {units_, units_ + args.y_gap}});
}

}  // namespace gradloom
