#include "layers/interactions/in_batch_negatives.h"

#include <algorithm>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/gemm/gemm.h"
#include "kernels/tiling.h"
#include "kernels/vectors/vectors.h"

namespace gradloom {

InBatchNegatives::InBatchNegatives(const Spec& spec, std::span<const Shape> input_shapes)
    : Layer(spec, input_shapes[0], {input_shapes.begin() + 1, input_shapes.end()}), count_(spec.integer("count", 1)) {
  if (input_shape().rank() != 1 || other_input_shapes().size() != 1 || other_input_shapes()[0] != input_shape()) {
    std::string got = input_shape().to_string();
    for (const Shape& shape : other_input_shapes()) got += " and " + shape.to_string();
    throw Error("SHAPE_MISMATCH", label() + ": takes two inputs of vectors of one length, [units], got " + got);
  }
  set_output_shape({1 + count_});
}

namespace {

// A place in the ring of the batch, from one that is less than a round beyond.
int64_t around(int64_t place, int64_t batch) { return place < batch ? place : place - batch; }

}  // namespace

// Products of some rows of one input with rows of the other, which stand `length` behind each other in the ring of the
// batch.
struct InBatchNegatives::Band {
  int64_t begin;
  int64_t length;
  int64_t batch;

  int64_t row(int64_t place) const { return around(begin + place, batch); }

  // Calls action(place, row, count) for stretches of rows that lie one behind the other in memory.
  template <class Action>
  void for_stretches(Action action) const {
    const int64_t before_end = std::min(length, batch - begin);
    action(0, begin, before_end);
    if (before_end < length) action(before_end, 0, length - before_end);
  }
};

// Rows of a job: their products with a whole batch of 1,024 stay in L2.
constexpr int64_t kJobRows = 64;

int64_t InBatchNegatives::band_length(int64_t batch) const {
  return std::min(batch, kJobRows + std::min(count_, batch - 1));
}

LayerNeeds InBatchNegatives::needs(const LayerSetting& setting) const {
  check_gemm_size(setting.batch);
  check_gemm_size(width());
  const int64_t scratch = checked_multiply(kJobRows * band_length(setting.batch), setting.threads);
  return {.kernel = "blas",
          .backward_reads_input = true,
          .forward_scratch = scratch,
          .backward_scratch = runs_backward(setting.phase) ? scratch : 0};
}

bool InBatchNegatives::scores(const float* v, const Pass& pass, int64_t n, int64_t k) const {
  if (k == 0) return true;
  if (pass.phase != Phase::kTraining || k > count_) return false;
  const float* own = v + n * width();
  return !std::equal(own, own + width(), v + around(n + k, pass.batch) * width());
}

void InBatchNegatives::forward(const ForwardArguments& args) const {
  const float* v = args.others[0];
  const int64_t batch = args.pass.batch;
  if (args.pass.phase != Phase::kTraining) {
    std::fill_n(args.y, batch * (1 + count_), kNoScore);
    for (int64_t n = 0; n < batch; ++n) {
      dot_rows(args.x + n * width(), v + n * width(), 1, width(), args.y + n * (1 + count_));
    }
    return;
  }
  const Tiling tiles{batch, kJobRows, ceil_divide(batch, kJobRows)};
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int thread) {
    const Band band{tiles.first(tile), band_length(batch), batch};
    float* products = args.scratch + thread * kJobRows * band.length;
    band.for_stretches([&](int64_t place, int64_t row, int64_t count) {
      gemm({tiles.size(tile), count, width()}, {args.x + band.begin * width(), width()},
           {v + row * width(), width(), Transpose::kYes}, Accumulate::kOverwrite, products + place, band.length);
    });
    for (int64_t i = 0; i < tiles.size(tile); ++i) {
      float* y = args.y + (band.begin + i) * (1 + count_);
      std::fill_n(y, 1 + count_, kNoScore);
      for (int64_t k = 0; k <= std::min(count_, batch - 1); ++k) {
        if (scores(v, args.pass, band.begin + i, k)) y[k] = products[i * band.length + around(i + k, batch)];
      }
    }
  });
}

void InBatchNegatives::backward(const BackwardArguments& args) const {
  const float* v = args.others[0];
  if (args.dx != nullptr) add_products(args, Side::kFirst, v, args.dx);
  if (args.other_gradients[0] != nullptr) add_products(args, Side::kSecond, args.x, args.other_gradients[0]);
}

// gradient[a] = sum over the rows b of `factors` that have a score with a of its gradient times factors[b].
void InBatchNegatives::add_products(const BackwardArguments& args, Side side, const float* factors,
                                    float* gradient) const {
  const int64_t batch = args.pass.batch;
  const int64_t most = std::min(count_, batch - 1);
  const Tiling tiles{batch, kJobRows, ceil_divide(batch, kJobRows)};
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int thread) {
    const int64_t first = tiles.first(tile);
    const int64_t length = band_length(batch);
    const Band band{side == Side::kFirst ? first : around(first + batch - most, batch), length, batch};
    float* slopes = args.scratch + thread * kJobRows * length;
    for (int64_t i = 0; i < tiles.size(tile); ++i) {
      for (int64_t place = 0; place < length; ++place) {
        const int64_t other = band.row(place);
        const int64_t n = side == Side::kFirst ? first + i : other;
        const int64_t k = around((side == Side::kFirst ? other : first + i) - n + batch, batch);
        const bool counts = scores(args.others[0], args.pass, n, k);
        slopes[i * length + place] = counts ? args.dy[n * (1 + count_) + k] : 0;
      }
    }
    band.for_stretches([&](int64_t place, int64_t row, int64_t count) {
      gemm({tiles.size(tile), width(), count}, {slopes + place, length}, {factors + row * width(), width()},
           place == 0 ? Accumulate::kOverwrite : Accumulate::kAdd, gradient + first * width(), width());
    });
  });
}

}  // namespace gradloom
