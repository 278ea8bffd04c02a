#include "layers/dense.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "common/checked.h"
#include "common/error.h"
#include "kernels/gemm.h"
#include "kernels/simd_gemm.h"
#include "layers/dense_panels.h"

namespace gradloom {
namespace {

// Weights of a panel that simd_gemm reads for all rows before the next ones.
constexpr int64_t kReadTogether = 1024 * kPanelWidth;
// Of a cache line, so that threads do not write to one.
constexpr int64_t kLineFloats = 16;

}  // namespace

Dense::Dense(const Spec& spec, const Shape& input_shape)
    : Layer(spec, input_shape),
      inputs_(input_shape.size()),
      units_(spec.integer("units", 1)),
      has_bias_(spec.boolean("bias")),
      activation_(parse_activation(spec.string("activation"))),
      kernel_(choose_dense(spec.string("kernel"), label())),
      narrow_(kernel_ == DenseKernel::kPanels && dense_is_narrow(inputs_, units_, activation_)),
      stretches_(kernel_ == DenseKernel::kPanels ? dense_stretches(inputs_, units_) : 1) {
  if (input_shape.rank() != 1) {
    throw Error("SHAPE_MISMATCH", label() + ": takes vectors of features, got samples of shape " +
                                      input_shape.to_string() + "; put a flatten() before it");
  }
  check_gemm_size(inputs_);
  check_gemm_size(units_);
  set_output_shape({units_});
  const Fans fans{inputs_, units_};
  add_parameter({.name = "weight",
                 .shape = {units_, inputs_},
                 .initializer = read_initializer(spec, "weightInitializer", label(), fans),
                 .regularizer = read_regularizer(spec, "weightRegularizer")});
  const Initializer bias = read_initializer(spec, "biasInitializer", label(), fans);
  if (has_bias_) add_parameter({"bias", {units_}, bias});
}

Layout Dense::layout(int64_t batch, Layout offered) const {
  if (narrow_ && fills_lanes(batch)) return Layout::kLanes;
  return kernel_ == DenseKernel::kPanels && dense_reads_lanes(units_) ? offered : Layout::kRows;
}

std::unique_ptr<Layer> Dense::activated(Activation activation) const {
  if (activation_ != Activation::kLinear) return nullptr;
  auto layer = std::make_unique<Dense>(*this);
  layer->activation_ = activation;
  return layer;
}

// BLAS makes other sums for other numbers of rows, so its products are cut as if there were always so many threads.
int Dense::threads_to_cut_for(int threads) const {
  constexpr int kThreadsOfBlas = 4;
  return kernel_ == DenseKernel::kBlas ? kThreadsOfBlas : threads;
}

LayerNeeds Dense::needs(const LayerSetting& setting) const {
  check_gemm_size(setting.batch);
  if (setting.layout == Layout::kLanes) return narrow_ ? needs_narrow(setting) : needs_lanes(setting);
  return {
      .kernel = kernel_ == DenseKernel::kBlas ? "blas" : "panels",
      .backward_reads_input = trainable(),
      .backward_reads_output = activation_ != Activation::kLinear,
      .forward_scratch = setting.threads > 1 ? checked_multiply(stretches_ - 1, setting.batch * units_) : 0,
      // dz in panels; then what is transposed for dx, whose place the gradients of the parameters take when dx is done.
      .backward_scratch =
          panel_floats(setting.batch) +
          std::max(input_gradient_floats(setting.batch, setting.threads),
                   transposed_floats(setting.batch) + gradient_scratch(setting.batch, setting.threads) + units_)};
}

void Dense::forward(const ForwardArguments& args) const {
  if (args.layout == Layout::kLanes) return narrow_ ? forward_narrow(args) : forward_lanes(args);
  if (stretches_ > 1) return forward_stretches(args);
  const float* weight = args.parameters[0];
  const float* bias = has_bias_ ? args.parameters[1] : nullptr;
  const int64_t batch = args.pass.batch;
  const Panels panels{units_};
  // A panel that does not fit in L2 comes from beyond it for every job.
  constexpr int64_t kFloatsInCache = 128 * 1024;
  constexpr int64_t kFewestRows = 12;
  const int threads = threads_to_cut_for(args.pass.team.size());
  const EvenTiling rows =
      inputs_ * kPanelWidth > kFloatsInCache
          ? tile_panel_rows({batch, kPanelWidth, inputs_}, pieces(threads, panels.count()), kFewestRows)
          : job_rows({batch, std::min(units_, kPanelWidth), inputs_}, panels.count(), threads);
  // With so few rows the product streams its weights, which the hardware prefetcher follows: prefetched here as well,
  // they come later.
  const int64_t few_rows = simd_gemm_tile_columns() < kPanelWidth ? 2 : 16;
  const bool far = checked_multiply(inputs_, units_) > kFarWeights;
  const bool prefetches = far && rows.largest() > few_rows;
  // Softmax and its logarithm need whole rows, so they cannot follow a panel.
  const bool fused = !activation_.spans_row();
  const int64_t jobs = panels.count() * rows.count;
  // Several threads each find their part in their own caches if they begin with the same job every time. Prefetches
  // go upwards.
  const bool from_end = args.pass.from_end && args.pass.team.size() == 1 && far && !prefetches;
  args.pass.team.for_each(jobs, [&](int64_t index, int) {
    const int64_t job = from_end ? jobs - 1 - index : index;
    const int64_t panel = job / rows.count;
    const int64_t row = rows.first(job % rows.count);
    const int64_t count = rows.size(job % rows.count);
    const int64_t first = panels.first(panel);
    const int64_t width = panels.width(panel);
    float* y = args.y + row * units_ + first;
    const ProductShape shape{count, width, inputs_};
    const MatrixOperand x{args.x + row * inputs_, inputs_};
    const MatrixOperand w{weight + first * inputs_, width};
    if (kernel_ == DenseKernel::kBlas) {
      gemm(shape, x, w, Accumulate::kOverwrite, y, units_);
    } else {
      const ByteSpan behind = prefetches ? weights_behind(weight, panel, rows, job % rows.count) : ByteSpan();
      simd_gemm(shape, x, w, Accumulate::kOverwrite, y, units_, {&behind, 1});
    }
    add_bias_and_activate(fused ? activation_ : Activation::kLinear, {count, width, units_},
                          bias == nullptr ? nullptr : bias + first, y);
  });
  if (!fused) {
    const Tiling tiles = tile_rows(batch, units_);
    args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
      add_bias_and_activate(activation_, {tiles.size(tile), units_, units_}, nullptr,
                            args.y + tiles.first(tile) * units_);
    });
  }
}

// What a piece of a panel's rows prefetches of the weights that follow those being read.
ByteSpan Dense::weights_behind(const float* weight, int64_t panel, const EvenTiling& rows, int64_t piece) const {
  const Panels panels{units_};
  const int64_t size = inputs_ * panels.width(panel);
  const int64_t begin = panels.first(panel) * inputs_ + std::min(size, kReadTogether);
  const int64_t end = std::min(begin + size, inputs_ * units_);
  const auto from = [&](int64_t p) { return begin + std::max<int64_t>(end - begin, 0) * p / rows.count; };
  return std::as_bytes(std::span(weight + from(piece), static_cast<size_t>(from(piece + 1) - from(piece))));
}

void Dense::backward(const BackwardArguments& args) const {
  if (args.layout == Layout::kLanes) return narrow_ ? backward_narrow(args) : backward_lanes(args);
  float* panels = panel_floats(args.pass.batch) == 0 ? args.dy : args.scratch;
  float* rest = args.scratch + panel_floats(args.pass.batch);
  output_gradient(args, panels);
  if (args.dx != nullptr) input_gradient(args, rest);
  if (trainable()) parameter_gradients(args, panels, rest);
}

// Of dz in panels, beside dz in rows; one panel is its rows.
int64_t Dense::panel_floats(int64_t batch) const {
  return Panels{units_}.count() == 1 ? 0 : checked_multiply(batch, units_);
}

// dz, in place of dy and, unless that is the same, once more in panels [N][width].
void Dense::output_gradient(const BackwardArguments& args, float* panels) const {
  const int64_t batch = args.pass.batch;
  const Panels columns{units_};
  const Tiling tiles = tile_rows(batch, units_);
  args.pass.team.for_each(tiles.count, [&](int64_t tile, int) {
    const int64_t first_row = tiles.first(tile);
    const int64_t rows = tiles.size(tile);
    float* dz = args.dy + first_row * units_;
    activation_backward(activation_, {rows, units_, units_}, args.y + first_row * units_, dz);
    for (int64_t panel = 0; panels != args.dy && panel < columns.count(); ++panel) {
      const int64_t width = columns.width(panel);
      float* target = panels + columns.first(panel) * batch + first_row * width;
      for (int64_t row = 0; row < rows; ++row) {
        std::copy_n(dz + row * units_ + columns.first(panel), width, target + row * width);
      }
    }
  });
}

// Inputs of a job of the gradient. Updates run beside the next tile, but for the last ones.
InputPieces Dense::gradient_rows(int64_t batch, int threads) const {
  // Of a small batch, whose gradient would outgrow the caches.
  constexpr int64_t kMostRows = 512;
  const ProductShape shape{inputs_, std::min(units_, kPanelWidth), batch};
  const int64_t small = tile_product_rows(shape.rows, shape.columns, shape.depth).count;
  const int64_t pieces = std::max(job_rows(shape, Panels{units_}.count(), threads_to_cut_for(threads)).count,
                                  std::min(small, ceil_divide(inputs_, kMostRows)));
  return {cut_stretches(inputs_, stretches_), ceil_divide(pieces, stretches_)};
}

// Columns of an input, a line of each of its rows, are read by all tiles of units in turn. Those of a large input come
// from beyond L2 each time, and from beyond L1 where lines share its sets: it is transposed first, unless one unit
// reads whole lines, once, or few units do not pay for it. Floats from one input to the next; 0 for none.
int64_t Dense::transposed_stride(int64_t batch) const {
  constexpr int64_t kFloatsInL1 = 8 * 1024;
  constexpr int64_t kSetApart = 1024;  // a page: lines so far apart are in one set
  if (kernel_ == DenseKernel::kBlas || units_ == 1) return 0;
  // One tile as wide as a panel reads a line two or three times, narrower ones again and again, the more often the more
  // units there are.
  const bool again = simd_gemm_tile_columns() < kPanelWidth;
  const bool many_units = units_ >= kPanelWidth;
  const int64_t floats_in_cache = (again && many_units ? 80 : 256) * 1024;
  const int64_t few_sets = again ? kSetApart / 8 : kSetApart;
  const int64_t apart = std::gcd(inputs_, kSetApart);
  const bool shares = apart >= few_sets && batch * apart > kFloatsInL1;
  const bool pays = checked_multiply(batch, inputs_) > floats_in_cache || (shares && many_units);
  return pays ? round_up(batch, kLineFloats) + kLineFloats : 0;  // no multiple of a page
}

int64_t Dense::transposed_floats(int64_t batch) const { return checked_multiply(inputs_, transposed_stride(batch)); }

// Of one job's gradient.
int64_t Dense::gradient_floats(int64_t inputs) const {
  return round_up(inputs * std::min(units_, kPanelWidth), kLineFloats);
}

// Of a job of each thread. A system may give fewer of them, whose jobs are larger.
int64_t Dense::gradient_scratch(int64_t batch, int most_threads) const {
  int64_t floats = 0;
  for (int threads = 1; threads <= most_threads; ++threads) {
    floats = std::max(floats, threads * gradient_floats(gradient_rows(batch, threads).largest()));
  }
  return floats;
}

// A job is some inputs of one panel, whose weights lie side by side: their update follows while the gradient, in memory
// that the thread uses again and again, is in its L1.
void Dense::parameter_gradients(const BackwardArguments& args, const float* panels, float* scratch) const {
  const int64_t batch = args.pass.batch;
  const Panels outputs{units_};
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
    const Tiling tiles = cut(inputs_, ceil_divide(inputs_, kLineFloats), kLineFloats);
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
    const int64_t first = outputs.first(panel) * inputs_ + input * width;
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

// From dz in rows, in place of dy.
void Dense::bias_gradient(const BackwardArguments& args, float* scratch) const {
  float* gradient = args.gradients.target(1, 0, scratch);
  std::fill_n(gradient, units_, 0.0F);
  add_column_sums({args.pass.batch, units_, units_}, args.dy, gradient);
  args.gradients.complete(1, 0, units_, gradient);
}

void Dense::to_file_layout(int parameter, const float* stored, float* file) const {
  if (parameter != 0) return Layer::to_file_layout(parameter, stored, file);
  const Panels panels{units_};
  for (int64_t panel = 0; panel < panels.count(); ++panel) {
    const int64_t first = panels.first(panel) * inputs_;
    transpose(inputs_, panels.width(panel), stored + first, panels.width(panel), file + first, inputs_);
  }
}

void Dense::from_file_layout(int parameter, const float* file, float* stored) const {
  if (parameter != 0) return Layer::from_file_layout(parameter, file, stored);
  const Panels panels{units_};
  for (int64_t panel = 0; panel < panels.count(); ++panel) {
    const int64_t first = panels.first(panel) * inputs_;
    transpose(panels.width(panel), inputs_, file + first, inputs_, stored + first, panels.width(panel));
  }
}

}  // namespace gradloom
