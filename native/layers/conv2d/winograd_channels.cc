#include "layers/conv2d/winograd_channels.h"

#include <algorithm>

#include "common/checked.h"
#include "kernels/layout/lanes.h"
#include "kernels/tiling.h"
#include "kernels/winograd/conv2d_weight_gradient.h"
#include "layers/conv2d/winograd.h"

namespace gradloom {
namespace {

int64_t panel_floats(const WinogradRows& shape) {
  return winograd_channels_panel_floats(shape, shape.conv.all_channels());
}

// In training, where they change with every step: as few tiles as these are multiplied by each filter once.
bool makes_filters_by_part(const WinogradRows& shape, int64_t batch) { return WinogradChannels::are_few(shape, batch); }

}  // namespace

// The weights of a part of a panel on their way to transformed filters. To make the output, they are packed first.
struct Conv2dWinogradChannels::PartFilters {
  const WinogradRows& shape;
  const PanelPart& part;
  PackedFor pass;
  const float* weights;
  float* packed;

  bool packs() const { return pass == PackedFor::kForward; }
  void pack() const {
    if (packs()) pack_panels(shape.images, part, weights, packed);
  }
  // u: of the part's panel and this range.
  void transform(const ChannelRange& range, float* u) const {
    for_stretches(shape.images, part, [&](const PanelPart& stretch) {
      const auto w = packs() ? packed_planes(shape, stretch, packed) : window_planes(shape, stretch, weights);
      winograd_channels_filters(shape, stretch, range, w, u);
    });
  }
};

WinogradRows Conv2dWinogradChannels::rows_shape() const {
  return {winograd_forward_shape(conv_, conv_.window.output), forward_shape()};
}

template <class Visit>
void Conv2dWinogradChannels::for_each_gradient_shape(Visit visit) const {
  const ChannelsShape images = gradient_shape(forward_shape());
  for_each_input_gradient(conv_, conv_.window.output, [&](const WinogradShape& conv) {
    visit(WinogradRows{conv, images});
  });
}

bool Conv2dWinogradChannels::prepares_each_pass(int64_t batch) const {
  return !makes_filters_by_part(rows_shape(), batch);
}

int64_t Conv2dWinogradChannels::transformed_floats(const WinogradRows& shape) {
  return shape.images.panels() * panel_floats(shape);
}

int64_t Conv2dWinogradChannels::filter_floats(const WinogradRows& shape) const {
  return packed_floats() + checked_multiply(conv_.groups, transformed_floats(shape));
}

int64_t Conv2dWinogradChannels::prepared_floats() const { return filter_floats(rows_shape()); }

// What images are transformed into and, if filters are made as it goes, these.
int64_t Conv2dWinogradChannels::scratch_floats(const WinogradRows& shape, const LayerSetting& setting) const {
  const bool by_part = setting.phase != Phase::kPredicting && makes_filters_by_part(shape, setting.batch);
  const WinogradChannels tiles(shape, setting.batch, setting.threads,
                               by_part ? WinogradFilters::kByPart : WinogradFilters::kThere);
  const int64_t filters = by_part ? winograd_channels_panel_floats(shape, tiles.blocks().step) : 0;
  return (by_part ? packed_floats() : 0) + tiles.places() * tiles.place_floats() +
         checked_multiply(setting.threads, tiles.thread_floats() + filters);
}

LayerNeeds Conv2dWinogradChannels::needs(const LayerSetting& setting) const {
  const WinogradRows shape = rows_shape();
  const auto direct = static_cast<double>(setting.batch) * static_cast<double>(conv_.flops());
  const auto groups = static_cast<double>(conv_.groups);
  const WinogradChannelsGradient gradient(shape, setting.batch, setting.threads);
  int64_t input_gradient = 0;
  for_each_gradient_shape([&](const WinogradRows& of_phase) {
    const int64_t filters = makes_filters_by_part(of_phase, setting.batch) ? 0 : filter_floats(of_phase);
    input_gradient = std::max(input_gradient, filters + scratch_floats(of_phase, setting));
  });
  int64_t parameters = parameter_floats() + padded_floats(shape.images, setting.batch);
  // Fewer threads have larger parts.
  for (int64_t team = 1; gradient.pays() && team <= setting.threads; ++team) {
    const WinogradChannelsGradient of_team(shape, setting.batch, team);
    parameters = std::max(parameters, of_team.scratch() + checked_multiply(team, of_team.thread_scratch()));
  }
  return {.kernel = "winograd-channels",
          .flops = KernelFlops{groups * winograd_flops(shape.conv, setting.batch),
                               groups * winograd_input_gradient_flops(conv_, conv_.window.output, setting.batch),
                               gradient.pays() ? groups * winograd_weight_gradient_flops(shape.conv, setting.batch)
                                               : direct},
          .backward_reads_input = conv_.trainable,
          .backward_reads_output = conv_.activation != Activation::kLinear,
          .forward_scratch = scratch_floats(shape, setting),
          .backward_scratch = std::max(input_gradient, parameters)};
}

void Conv2dWinogradChannels::make_all_filters(Team& team, const WinogradRows& shape, PackedFor pass,
                                              const float* weights, float* filters) const {
  const int64_t group_weights = conv_.filters_per_group() * conv_.row_length();
  float* const u = filters + packed_floats();
  for_each_part(team, shape.images, [&](int64_t group, const PanelPart& part) {
    const PartFilters source{shape, part, pass, weights + group * group_weights, filters + group * group_weights};
    source.pack();
    source.transform({0, shape.conv.all_channels()},
                     u + group * transformed_floats(shape) + part.panel * panel_floats(shape));
  });
}

void Conv2dWinogradChannels::prepare(Team& team, const float* weights, float* prepared) const {
  make_all_filters(team, rows_shape(), PackedFor::kForward, weights, prepared);
}

void Conv2dWinogradChannels::forward(const ForwardArguments& args, const float* prepared, float* scratch) const {
  convolve(args.pass, rows_shape(), args.x, forward_output(args), {prepared, PackedFor::kForward, args.parameters[0]},
           scratch);
  if (conv_.activation.spans_row()) activate_rows(args);
}

void Conv2dWinogradChannels::convolve(const Pass& pass, const WinogradRows& shape, const float* x,
                                      const ChannelsOutput& output, const Filters& filters, float* scratch) const {
  Team& team = pass.team;
  const bool at_store = output.activation == Activation::kLinear || output.activation == Activation::kRelu;
  const bool by_part = filters.prepared == nullptr;
  const WinogradChannels tiles(shape, pass.batch, team.size(),
                               by_part ? WinogradFilters::kByPart : WinogradFilters::kThere);
  for (int64_t group = 0; group < conv_.groups; ++group) {
    ChannelsOutput to = output.of_group(shape.images, group);
    if (!at_store) to.activation = Activation::kLinear;
    const float* const images = x + group * shape.conv.channels;
    if (by_part) {
      const float* const weights = filters.weights + group * conv_.filters_per_group() * conv_.row_length();
      multiply_parts(team, shape, tiles, images, {nullptr, filters.pass, weights}, to, scratch);
    } else {
      const float* const u = filters.prepared + packed_floats() + group * transformed_floats(shape);
      multiply_chunks(team, tiles, images, u, to, scratch);
    }
  }
  if (at_store) return;
  const int64_t floats = pass.batch * conv_.output_floats();
  const Tiling pieces = tile_rows(floats, 1);
  team.for_each(pieces.count, [&](int64_t piece, int) {
    const int64_t count = pieces.size(piece);
    add_bias_and_activate(output.activation, {1, count, count}, nullptr, output.y + pieces.first(piece));
  });
}

// Scratch: the only chunk; packed filters; for each thread, its products and the filters of its part.
void Conv2dWinogradChannels::multiply_parts(Team& team, const WinogradRows& shape, const WinogradChannels& tiles,
                                            const float* x, const Filters& filters, const ChannelsOutput& output,
                                            float* scratch) const {
  float* const v = scratch;
  float* const packed = v + tiles.place_floats();
  float* const of_threads = packed + packed_floats();
  const int64_t of_thread = tiles.thread_floats() + winograd_channels_panel_floats(shape, tiles.blocks().step);
  team.for_each(tiles.transforms(0), [&](int64_t job, int) { tiles.transform(0, job, x, v); });
  team.for_each(tiles.parts().count(), [&](int64_t index, int thread) {
    const PanelPart part = tiles.parts().part(index);
    if (part.filters == 0) return;
    float* const own = of_threads + thread * of_thread;
    float* const u = own + tiles.thread_floats();
    const PartFilters source{shape, part, filters.pass, filters.weights, packed};
    source.pack();
    for (int64_t block = 0; block < tiles.blocks().count; ++block) {
      source.transform({tiles.blocks().first(block), tiles.blocks().size(block)}, u);
      tiles.add_products(part, block, v, u, own);
    }
    tiles.finish(part, output, own);
  });
}

// Scratch: the places; for each thread, its products.
void Conv2dWinogradChannels::multiply_chunks(Team& team, const WinogradChannels& tiles, const float* x, const float* u,
                                             const ChannelsOutput& output, float* scratch) {
  const int64_t of_place = tiles.place_floats();
  float* const of_threads = scratch + tiles.places() * of_place;
  const auto multiply = [&](int64_t chunk, int64_t job, const float* v, int thread) {
    tiles.product(chunk, job, v, u, output, of_threads + thread * tiles.thread_floats());
  };
  if (tiles.places() == team.size()) {
    // What the transforms of a chunk write stays in the caches of the thread that multiplies it.
    return team.for_each(tiles.chunks(), [&](int64_t chunk, int thread) {
      float* const v = scratch + thread * of_place;
      for (int64_t job = 0; job < tiles.transforms(chunk); ++job) tiles.transform(chunk, job, x, v);
      for (int64_t job = 0; job < tiles.products(chunk); ++job) multiply(chunk, job, v, thread);
    });
  }
  for (int64_t chunk = 0; chunk < tiles.chunks(); ++chunk) {
    team.for_each(tiles.transforms(chunk), [&](int64_t job, int) { tiles.transform(chunk, job, x, scratch); });
    team.for_each(tiles.products(chunk), [&](int64_t job, int thread) { multiply(chunk, job, scratch, thread); });
  }
}

void Conv2dWinogradChannels::backward(const BackwardArguments& args) const {
  Team& team = args.pass.team;
  const int64_t batch = args.pass.batch;
  activation_backward_rows(args, 0, batch * conv_.window.output_pixels());
  if (args.dx != nullptr) input_gradient(args);
  if (!conv_.trainable) return;
  const WinogradChannelsGradient of_sums(rows_shape(), batch, team.size());
  if (of_sums.pays()) {
    weight_gradients(args, of_sums, args.scratch);
    if (conv_.has_bias) bias_gradient(args);
    return;
  }
  const ChannelsShape shape = forward_shape();
  const ChannelsGradient gradient = parameter_targets(args);
  const float* const x = pad_images(team, shape, batch, args.x, args.scratch + parameter_floats());
  team.for_each(weight_gradient_jobs(shape),
                [&](int64_t job, int) { weight_gradient_job(shape, batch, job, x, args.dy, gradient); });
  complete_parameters(args, gradient.weights, gradient.bias);
}

void Conv2dWinogradChannels::input_gradient(const BackwardArguments& args) const {
  for_each_gradient_shape([&](const WinogradRows& shape) {
    Filters filters{nullptr, PackedFor::kInputGradient, args.parameters[0]};
    float* scratch = args.scratch;
    if (!makes_filters_by_part(shape, args.pass.batch)) {
      make_all_filters(args.pass.team, shape, filters.pass, filters.weights, scratch);
      filters.prepared = scratch;
      scratch += filter_floats(shape);
    }
    convolve(args.pass, shape, args.dy, {nullptr, Activation::kLinear, args.dx}, filters, scratch);
  });
}

// Of all pixels of all samples.
void Conv2dWinogradChannels::bias_gradient(const BackwardArguments& args) const {
  float* const biases = args.gradients.target(1, 0, args.scratch);
  const Tiling filters = cut(conv_.filters, ceil_divide(conv_.filters, kLanes), kLanes);
  args.pass.team.for_each(filters.count, [&](int64_t tile, int) {
    const int64_t first = filters.first(tile);
    std::fill_n(biases + first, filters.size(tile), 0.0F);
    add_column_sums({args.pass.batch * conv_.window.output_pixels(), filters.size(tile), conv_.filters},
                    args.dy + first, biases + first);
  });
  args.gradients.complete(1, 0, conv_.filters, biases);
}

void Conv2dWinogradChannels::weight_gradients(const BackwardArguments& args, const WinogradChannelsGradient& gradient,
                                              float* scratch) const {
  Team& team = args.pass.team;
  const Tiling& parts = gradient.parts();
  const auto own = [&](int thread) { return scratch + gradient.scratch() + thread * gradient.thread_scratch(); };
  for (int64_t group = 0; group < conv_.groups; ++group) {
    const int64_t weights = conv_.filters_per_group() * conv_.row_length();
    const WinogradWeightGradients gradients{args.gradients, group * weights, conv_.row_length()};
    add_products(team, gradient, args.x + group * conv_.channels_per_group(),
                 args.dy + group * conv_.filters_per_group(), scratch);
    team.for_each(parts.count, [&](int64_t part, int thread) {
      gradients.make(parts.first(part), parts.size(part), own(thread),
                     [&](float* to) { gradient.make(part, scratch, own(thread) + gradient.weight_floats(), to); });
    });
  }
}

void Conv2dWinogradChannels::add_products(Team& team, const WinogradChannelsGradient& gradient, const float* x,
                                          const float* dz, float* scratch) const {
  const auto transform_all = [&](int64_t chunk) {
    team.for_each(gradient.transforms(chunk),
                  [&](int64_t job, int) { gradient.transform(chunk, job, x, dz, scratch, 0); });
  };
  if (gradient.by_parts()) return transform_all(0);
  if (team.size() <= gradient.pieces()) {
    team.for_each(gradient.pieces(), [&](int64_t piece, int thread) {
      gradient.for_each_chunk(piece, [&](int64_t chunk) {
        for (int64_t job = 0; job < gradient.transforms(chunk); ++job) {
          gradient.transform(chunk, job, x, dz, scratch, thread);
        }
        for (int64_t job = 0; job < gradient.products(); ++job) gradient.product(piece, chunk, job, scratch, thread);
      });
    });
  } else {
    for (int64_t piece = 0; piece < gradient.pieces(); ++piece) {
      gradient.for_each_chunk(piece, [&](int64_t chunk) {
        transform_all(chunk);
        team.for_each(gradient.products(), [&](int64_t job, int) { gradient.product(piece, chunk, job, scratch, 0); });
      });
    }
  }
  if (gradient.pieces() > 1) {
    team.for_each(winograd_form(conv_.window).coefficients(),
                  [&](int64_t coefficient, int) { gradient.add_pieces(coefficient, scratch); });
  }
}

}  // namespace gradloom
