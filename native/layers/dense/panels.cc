#include "layers/dense/panels.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "common/checked.h"
#include "kernels/gemm/simd_gemm.h"

namespace gradloom {
namespace {

// Weights of a panel that simd_gemm reads for all rows before the next ones.
constexpr int64_t kReadTogether = 1024 * kPanelWidth;
// Of a cache line, so that threads do not write to one.
constexpr int64_t kLineFloats = 16;

}  // namespace

// BLAS makes other sums for other numbers of rows, so its products are cut as if there were always so many threads.
int DensePanels::threads_to_cut_for(int threads) const {
  constexpr int kThreadsOfBlas = 4;
  return kernel_ == DenseKernel::kBlas ? kThreadsOfBlas : threads;
}

LayerNeeds DensePanels::needs(const LayerSetting& setting) const {
  return {
      .kernel = kernel_ == DenseKernel::kBlas ? "blas" : "panels",
      .backward_reads_input = dense_.trainable,
      .backward_reads_output = dense_.activation != Activation::kLinear,
      .forward_scratch = setting.threads > 1 ? checked_multiply(stretches_ - 1, setting.batch * dense_.units) : 0,
      // dz in panels; then what is transposed for dx, whose place the gradients of the parameters take when dx is done.
      .backward_scratch =
          panel_floats(setting.batch) +
          std::max(input_gradient_floats(setting.batch, setting.threads),
                   transposed_floats(setting.batch) + gradient_scratch(setting.batch, setting.threads) + dense_.units)};
}

void DensePanels::forward(const ForwardArguments& args) const {
  if (stretches_ > 1) return forward_stretches(args);
  const float* weight = args.parameters[0];
  const float* bias = dense_.has_bias ? args.parameters[1] : nullptr;
  const int64_t batch = args.pass.batch;
  const Panels panels{dense_.units};
  // A panel that does not fit in L2 comes from beyond it for every job.
  constexpr int64_t kFloatsInCache = 128 * 1024;
  constexpr int64_t kFewestRows = 12;
  const int threads = threads_to_cut_for(args.pass.team.size());
  const EvenTiling rows =
      dense_.inputs * kPanelWidth > kFloatsInCache
          ? tile_panel_rows({batch, kPanelWidth, dense_.inputs}, pieces(threads, panels.count()), kFewestRows)
          : job_rows({batch, std::min(dense_.units, kPanelWidth), dense_.inputs}, panels.count(), threads);
  // With so few rows the product streams its weights, which the hardware prefetcher follows: prefetched here as well,
  // they come later.
  const int64_t few_rows = simd_gemm_tile_columns() < kPanelWidth ? 2 : 16;
  const bool larger_than_l2 = weights_exceed_l2();
  const bool prefetches = larger_than_l2 && rows.largest() > few_rows;
  // Softmax and its logarithm need whole rows, so they cannot follow a panel.
  const bool fused = !dense_.activation.spans_row();
  const int64_t jobs = panels.count() * rows.count;
  // Several threads each find their part in their own caches if they begin with the same job every time. Prefetches
  // go upwards.
  const bool from_end = args.pass.from_end && args.pass.team.size() == 1 && larger_than_l2 && !prefetches;
  args.pass.team.for_each(jobs, [&](int64_t index, int) {
    const int64_t job = from_end ? jobs - 1 - index : index;
    const int64_t panel = job / rows.count;
    const int64_t row = rows.first(job % rows.count);
    const int64_t count = rows.size(job % rows.count);
    const int64_t first = panels.first(panel);
    const int64_t width = panels.width(panel);
    float* y = args.y + row * dense_.units + first;
    const ProductShape shape{count, width, dense_.inputs};
    const MatrixOperand x{args.x + row * dense_.inputs, dense_.inputs};
    const MatrixOperand w{weight + first * dense_.inputs, width};
    if (kernel_ == DenseKernel::kBlas) {
      gemm(shape, x, w, Accumulate::kOverwrite, y, dense_.units);
    } else {
      const ByteSpan behind = prefetches ? weights_behind(weight, panel, rows, job % rows.count) : ByteSpan();
      simd_gemm(shape, x, w, Accumulate::kOverwrite, y, dense_.units, {&behind, 1});
    }
    add_bias_and_activate(fused ? dense_.activation : Activation::kLinear, {count, width, dense_.units},
                          bias == nullptr ? nullptr : bias + first, y);
  });
  if (!fused) {
    const Tiling tiles = tile_rows(batch, dense_.units);
    args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
      add_bias_and_activate(dense_.activation, {tiles.size(tile), dense_.units, dense_.units}, nullptr,
                            args.y + tiles.first(tile) * dense_.units);
    });
  }
}

// What a piece of a panel's rows prefetches of the weights that follow those being read.
ByteSpan DensePanels::weights_behind(const float* weight, int64_t panel, const EvenTiling& rows, int64_t piece) const {
  const Panels panels{dense_.units};
  const int64_t size = dense_.inputs * panels.width(panel);
  const int64_t begin = panels.first(panel) * dense_.inputs + std::min(size, kReadTogether);
  const int64_t end = std::min(begin + size, dense_.inputs * dense_.units);
  const auto from = [&](int64_t p) { return begin + std::max<int64_t>(end - begin, 0) * p / rows.count; };
  return std::as_bytes(std::span(weight + from(piece), static_cast<size_t>(from(piece + 1) - from(piece))));
}

void DensePanels::backward(const BackwardArguments& args) const {
  float* panels = panel_floats(args.pass.batch) == 0 ? args.dy : args.scratch;
  float* rest = args.scratch + panel_floats(args.pass.batch);
  output_gradient(args, panels);
  if (args.dx != nullptr) input_gradient(args, rest);
  if (dense_.trainable) parameter_gradients(args, panels, rest);
}

// Of dz in panels, beside dz in rows; one panel is its rows.
int64_t DensePanels::panel_floats(int64_t batch) const {
  return Panels{dense_.units}.count() == 1 ? 0 : checked_multiply(batch, dense_.units);
}

// dz, in place of dy and, unless that is the same, once more in panels [N][width].
void DensePanels::output_gradient(const BackwardArguments& args, float* panels) const {
  const int64_t batch = args.pass.batch;
  const Panels columns{dense_.units};
  const Tiling tiles = tile_rows(batch, dense_.units);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first_row = tiles.first(tile);
    const int64_t rows = tiles.size(tile);
    float* dz = args.dy + first_row * dense_.units;
    activation_backward(dense_.activation, {rows, dense_.units, dense_.units}, args.y + first_row * dense_.units, dz);
    for (int64_t panel = 0; panels != args.dy && panel < columns.count(); ++panel) {
      const int64_t width = columns.width(panel);
      float* target = panels + columns.first(panel) * batch + first_row * width;
      for (int64_t row = 0; row < rows; ++row) {
        std::copy_n(dz + row * dense_.units + columns.first(panel), width, target + row * width);
      }
    }
  });
}

// Inputs of a job of the gradient. Updates run beside the next tile, but for the last ones.
InputPieces DensePanels::gradient_rows(int64_t batch, int threads) const {
  // Of a small batch, whose gradient would outgrow the caches.
  constexpr int64_t kMostRows = 512;
  const ProductShape shape{dense_.inputs, std::min(dense_.units, kPanelWidth), batch};
  const int64_t small = tile_product_rows(shape.rows, shape.columns, shape.depth).count;
  const int64_t pieces = std::max(job_rows(shape, Panels{dense_.units}.count(), threads_to_cut_for(threads)).count,
                                  std::min(small, ceil_divide(dense_.inputs, kMostRows)));
  return {cut_stretches(dense_.inputs, stretches_), ceil_divide(pieces, stretches_)};
}

// Columns of an input, a line of each of its rows, are read by all tiles of units in turn. Those of a large input come
// from beyond L2 each time, and from beyond L1 where lines share its sets: it is transposed first, unless one unit
// reads whole lines, once, or few units do not pay for it. Floats from one input to the next; 0 for none.
int64_t DensePanels::transposed_stride(int64_t batch) const {
  constexpr int64_t kFloatsInL1 = 8 * 1024;
  constexpr int64_t kSetApart = 1024;  // a page: lines so far apart are in one set
  if (kernel_ == DenseKernel::kBlas || dense_.units == 1) return 0;
  // One tile as wide as a panel reads a line two or three times, narrower ones again and again, the more often the more
  // units there are.
  const bool again = simd_gemm_tile_columns() < kPanelWidth;
  const bool many_units = dense_.units >= kPanelWidth;
  const int64_t floats_in_cache = (again && many_units ? 80 : 256) * 1024;
  const int64_t few_sets = again ? kSetApart / 8 : kSetApart;
  const int64_t apart = std::gcd(dense_.inputs, kSetApart);
  const bool shares = apart >= few_sets && batch * apart > kFloatsInL1;
  const bool pays = checked_multiply(batch, dense_.inputs) > floats_in_cache || (shares && many_units);
  return pays ? round_up(batch, kLineFloats) + kLineFloats : 0;  // no multiple of a page
}

int64_t DensePanels::transposed_floats(int64_t batch) const {
  return checked_multiply(dense_.inputs, transposed_stride(batch));
}

// Of one job's gradient.
int64_t DensePanels::gradient_floats(int64_t inputs) const {
  return round_up(inputs * std::min(dense_.units, kPanelWidth), kLineFloats);
}

// Of a job of each thread. A system may give fewer of them, whose jobs are larger.
int64_t DensePanels::gradient_scratch(int64_t batch, int most_threads) const {
  int64_t floats = 0;
  for (int threads = 1; threads <= most_threads; ++threads) {
    floats = std::max(floats, threads * gradient_floats(gradient_rows(batch, threads).largest()));
  }
  return floats;
}

// A job is some inputs of one panel, whose weights lie side by side: their update follows while the gradient, in memory
// that the thread uses again and again, is in its L1.
void DensePanels::parameter_gradients(const BackwardArguments& args, const float* panels, float* scratch) const {
  const int64_t batch = args.pass.batch;
  const Panels outputs{dense_.units};
  const InputPieces rows = gradient_rows(batch, args.pass.team.size());
  const InputStretches inputs = input_in(args.x, batch, args.x_stretches);
  const int64_t of_job = gradient_floats(rows.largest());
  const int64_t products = outputs.count() * rows.count();
  // With no gradient to hand on, no other layer comes behind: the next samples are prefetched by jobs in turn.
  const Upcoming upcoming = args.dx == nullptr ? args.pass.upcoming : Upcoming();
  const auto first_of_job = [&](int64_t job) { return static_cast<int64_t>(upcoming.size()) * job / products; };
  const int64_t stride = transposed_stride(batch);
  float* const transposed = scratch;
  scratch += transposed_floats(batch);
  if (stride > 0) {
    const Tiling tiles = cut(dense_.inputs, ceil_divide(dense_.inputs, kLineFloats), kLineFloats);
    args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
      const int64_t first = tiles.first(tile);
      transpose(batch, tiles.size(tile), inputs.at(first), inputs.stride(first), transposed + first * stride, stride);
    });
  }
  for_gradients(args.pass, products, [&](int64_t job, int thread) {
    if (job == products) return bias_gradient(args, scratch + args.pass.team.size() * of_job);
    // Threads keep to the stretches of inputs that they loaded and summed.
    const int64_t panel = stretches_ > 1 ? job % outputs.count() : job / rows.count();
    const int64_t piece = stretches_ > 1 ? job / outputs.count() : job % rows.count();
    const int64_t input = rows.first(piece);
    const int64_t count = rows.size(piece);
    const int64_t width = outputs.width(panel);
    const int64_t first = outputs.first(panel) * dense_.inputs + input * width;
    const ProductShape shape{count, width, batch};
    const MatrixOperand x = stride > 0 ? MatrixOperand{transposed + input * stride, stride}
                                       : MatrixOperand{inputs.at(input), inputs.stride(input), Transpose::kYes};
    const MatrixOperand dz{panels + outputs.first(panel) * batch, width};
    float* own = scratch + thread * of_job;
    if (kernel_ == DenseKernel::kPanels) {
      const auto from = static_cast<size_t>(first_of_job(job));
      const Upcoming prefetched = upcoming.subspan(from, static_cast<size_t>(first_of_job(job + 1)) - from);
      return args.gradients.complete_product(0, first, {shape, x, dz, nullptr, prefetched}, own);
    }
    float* gradient = args.gradients.target(0, first, own);
    gemm(shape, x, dz, Accumulate::kOverwrite, gradient, width);
    args.gradients.complete(0, first, count * width, gradient);
  });
}

}  // namespace gradloom
