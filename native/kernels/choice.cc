#include "kernels/choice.h"

#include <algorithm>

#include "common/error.h"
#include "kernels/conv2d/direct/direct.h"
#include "kernels/conv2d/input_phase.h"
#include "kernels/dense/lanes.h"
#include "kernels/dense/narrow.h"
#include "kernels/gemm/simd_gemm.h"
#include "kernels/layout/lanes.h"
#include "kernels/winograd/conv2d_channels.h"
#include "kernels/winograd/sections.h"
#include "kernels/winograd/tiles.h"

namespace gradloom {

bool fills_lanes(int64_t batch) {
  constexpr int64_t kSmallestBatch = 8;
  return batch >= kSmallestBatch;
}

namespace {

// Softmax and its logarithm need the channels of a pixel side by side.
bool direct_exists(Activation activation) { return !activation.spans_row(); }

bool winograd_exists(const Window2d& w, Activation activation) {
  constexpr int64_t kMostTaps = 32;
  const auto able = [](const WindowAxis& axis) {
    const bool strided = axis.stride > 1;
    return axis.window <= kMostTaps && axis.stride <= axis.window && !(strided && axis.dilation > 1);
  };
  return !activation.spans_row() && w.taps() > 1 && able(rows_of(w)) && able(columns_of(w));
}

}  // namespace

Conv2dKernel parse_conv2d_kernel(const std::string& requested, const std::string& label, const Window2d& window,
                                 Activation activation) {
  if (requested == "auto") return Conv2dKernel::kAuto;
  if (requested == "blas") return Conv2dKernel::kBlas;
  if (requested == "direct") {
    if (direct_exists(activation)) return Conv2dKernel::kDirect;
    throw Error("INVALID_OPTION", label +
                                      ": kernel \"direct\" takes any activation but softmax and logSoftmax; use "
                                      "\"auto\"");
  }
  if (requested == "winograd") {
    if (winograd_exists(window, activation)) return Conv2dKernel::kWinograd;
    throw Error("INVALID_OPTION", label +
                                      ": kernel \"winograd\" takes a kernelSize above 1 and up to 32, strides up to "
                                      "kernelSize and without dilation, and any activation but softmax and "
                                      "logSoftmax; use \"auto\"");
  }
  throw Error("INVALID_SPEC", label + ": kernel \"" + requested +
                                  "\" does not exist; use \"auto\", \"direct\", \"winograd\" or \"blas\"");
}

namespace {

WinogradTiles tiles_of(const Conv2dShape& shape) {
  return {shape.window.output, winograd_dilation(shape.window), winograd_form(shape.window)};
}
int64_t winograd_tiles(const Conv2dShape& shape) { return tiles_of(shape).count(); }
WinogradSections sections_of(const Conv2dShape& shape) { return winograd_sections(shape.window, shape.channels); }
// Of a channel and filter, forward; and in the mean of a step's three convolutions, of which the gradient of the input
// has tiles of its own.
double winograd_products(const Conv2dShape& shape) {
  return static_cast<double>(sections_of(shape).count() * tiles_of(shape).products());
}
double winograd_products_of_step(const Conv2dShape& shape) {
  const Window2d& w = shape.window;
  const WinogradForm form = winograd_form(w);
  double of_input = 0;
  for_each_input_phase(w, [&](const InputPhase& rows, const InputPhase& columns) {
    const WinogradSections sections{form, {rows.taps}, {columns.taps}, shape.filters};
    const WinogradTiles tiles{{rows.count, columns.count}, winograd_dilation(w), form};
    of_input += static_cast<double>(sections.count() * tiles.products());
  });
  return (2 * winograd_products(shape) + of_input) / 3;
}
// Fewer seldom pay for the transform of the filters.
constexpr int64_t kFewestTiles = 4;
int64_t weights_of(const Conv2dShape& shape) { return shape.channels * shape.filters * shape.window.taps(); }

bool is_one_section(const Window2d& w) { return winograd_form(w).taps() == w.taps() && !w.strided(); }
bool is_3x3_or_5x5(const Window2d& w) { return winograd_form(w).square() && is_one_section(w); }

// Of fewer than 16 channels or filters: the products, in times of those that meet the map, that pay. The other side's
// many make up for them, as the transforms cost as much as with their harmonic mean on both sides.
double most_share_of_few(const Conv2dShape& shape) {
  const auto product = static_cast<double>(shape.channels * shape.filters);
  const double mean = 2 * product / static_cast<double>(shape.channels + shape.filters);
  return mean < 12.5 ? 0 : mean < 16 ? 0.4 : 0.45;
}

// Along one axis, with strides, and of windows that are sums of smaller ones, in times of the products that meet the
// map; the fewer channels there are, the more of them the transforms cost.
bool fewer_products_pay(const Conv2dShape& shape, int64_t images) {
  constexpr int64_t kMostChannels = 4096;  // of all sections
  constexpr int64_t kMostTransformed = int64_t{1} << 26;
  const WinogradSections sections = sections_of(shape);
  // The gradient of the input sums over filters.
  if (sections.count() * std::max(shape.channels, shape.filters) > kMostChannels) return false;
  if (sections.form.coefficients() * sections.all_channels() * shape.filters > kMostTransformed) return false;
  if (winograd_tiles(shape) * images < kFewestTiles) return false;
  const int64_t width = std::min(shape.channels, shape.filters);
  struct Most {
    double of_16, of_24, of_32, of_64;
  };
  // Phases of strides have transforms of their own.
  const Most limits = shape.window.strided() ? Most{0.45, 0.5, 0.6, 0.68} : Most{0.5, 0.55, 0.65, 0.85};
  const double most = width < 16   ? most_share_of_few(shape)
                      : width < 24 ? limits.of_16
                      : width < 32 ? limits.of_24
                      : width < 64 ? limits.of_32
                                   : limits.of_64;
  return winograd_products_of_step(shape) < most * static_cast<double>(taps_inside(shape.window));
}

// Of 3x3 and 5x5 from 16 channels and filters on, of 3x3 also with fewer beside many: 5x5 while half of the tiles'
// pixels lie inside of the image, 3x3 while half of the definition's products are saved, and no more than meet the map
// are left. With dilation the direct kernel leaves more padding out: 5x5 from 32 channels on where any pixels lie
// outside, 3x3 by the products that meet the map.
bool winograd_pays(const Conv2dShape& shape, int64_t images) {
  constexpr int64_t kMostWeights = int64_t{1} << 24;
  if (!winograd_exists(shape.window, shape.activation)) return false;
  if (weights_of(shape) > kMostWeights) return false;
  const WinogradForm form = winograd_form(shape.window);
  if (!is_3x3_or_5x5(shape.window)) return fewer_products_pay(shape, images);
  const bool larger = form.has(WinogradAxis::kF25);
  const bool dilated = shape.window.dilated();
  const int64_t tiles = winograd_tiles(shape);
  const int64_t width = std::min(shape.channels, shape.filters);
  if ((larger || dilated) && (width < 16 || tiles * images < kFewestTiles)) return false;
  const int64_t pixels = shape.window.output_pixels();
  if (larger) {
    const int64_t of_tiles = tiles * form.tile_pixels();
    return 2 * pixels >= of_tiles && (!dilated || pixels == of_tiles || width >= 32);
  }
  const double products = winograd_products(shape);
  const auto inside = static_cast<double>(taps_inside(shape.window));
  if (width < 16) return products <= most_share_of_few(shape) * inside;
  if (dilated) return products <= (width < 24 ? 0.45 : 0.6) * inside;
  return products <= std::min(inside, 0.5 * static_cast<double>(shape.window.taps() * pixels));
}

// Whether filters are transformed in every step or, to predict, once until the weights change.
enum class FiltersMade { kEachTime, kOnce };

// Without the lanes' reuse of filters by 16 samples, they have to come from a cache; many that are made for few tiles
// take longer than these.
bool winograd_channels_pays(const Conv2dShape& shape, int64_t batch, FiltersMade filters = FiltersMade::kEachTime) {
  constexpr int64_t kManyWeights = int64_t{1} << 20;
  constexpr int64_t kTilesForMany = 6;
  constexpr int64_t kTilesForSections = 16;
  const int64_t width = std::min(shape.channels, shape.filters);
  const double fewest = width < 32 ? 6 : 2.5;  // whole tiles that have so many products
  const WinogradForm form = winograd_form(shape.window);
  const bool larger = form.has(WinogradAxis::kF25);
  const bool in_sections = !is_one_section(shape.window);
  const bool many = filters == FiltersMade::kEachTime && weights_of(shape) > kManyWeights;
  const double products = winograd_products(shape) * static_cast<double>(batch);
  return winograd_pays(shape, batch) &&
         (filters == FiltersMade::kOnce || products >= fewest * static_cast<double>(form.coefficients())) &&
         width >= (larger ? 32 : 16) &&
         winograd_tiles(shape) * batch >= (in_sections ? kTilesForSections
                                           : many      ? kTilesForMany
                                                       : kFewestTiles);
}

// Whether the output is one pixel, and all of it a product of samples as in a dense layer: kernels in lanes and rows
// have no pixels to share weights between. One sample is predicted faster by filters in the lanes.
bool is_one_product(const Conv2dShape& shape, int64_t batch) {
  constexpr int64_t kFewestChannels = 8;
  constexpr int64_t kFewestProducts = 4096;
  const Window2d& w = shape.window;
  return w.output_pixels() == 1 && batch > 1 && std::min(shape.channels, shape.filters) >= kFewestChannels &&
         batch * taps_inside(w) * shape.channels * shape.filters >= kFewestProducts;
}

// Of the taps of all windows, those that meet the map, in the mean of a step's three convolutions: the gradient of the
// input has windows at all pixels of that, with strides each of some taps.
double share_inside(const Window2d& w) {
  const auto of_input =
      static_cast<double>(w.taps() * w.input_pixels()) / static_cast<double>(w.stride.height * w.stride.width);
  const auto of_output = static_cast<double>(w.taps() * w.output_pixels());
  return static_cast<double>(taps_inside(w)) * (2 / of_output + 1 / of_input) / 3;
}

// Whether products of samples, pixel by pixel, take less time: of one pixel, or where so many taps of the windows, or
// of those of the gradient, would meet padding, and Winograd's tiles have not many fewer products. Kernels in lanes
// that leave half of a block out lose less.
bool pixels_pay(const Conv2dShape& shape, int64_t batch) {
  constexpr int64_t kFewestSamples = 6;
  constexpr int64_t kFewestChannels = 32;
  constexpr int64_t kMostPixels = 25;
  constexpr double kOfFilters = 200;  // products in whose time they are transformed
  const double most_inside = direct_leaves_half_out() ? 0.6 : 0.76;
  const Window2d& w = shape.window;
  if (is_one_product(shape, batch)) return true;
  if (w.output_pixels() > kMostPixels || batch < kFewestSamples ||
      std::min(shape.channels, shape.filters) < kFewestChannels) {
    return false;
  }
  if (!winograd_pays(shape, lane_blocks(batch))) return share_inside(w) <= most_inside;
  const auto inside = static_cast<double>(taps_inside(w));
  if (inside > most_inside * static_cast<double>(w.taps() * w.output_pixels())) return false;
  const double most = direct_leaves_half_out() ? 1 : winograd_form(w).has(WinogradAxis::kF25) ? 1.2 : 1.4;
  return inside <= most * winograd_products(shape) + kOfFilters / static_cast<double>(batch);
}

// How much of the vectors holds something.
double filled(int64_t count) { return static_cast<double>(count) / static_cast<double>(round_up(count, kLanes)); }

// Of a sample by Winograd with filters in the lanes, in times of one in a full block.
double winograd_channels_time(const Conv2dShape& shape) {
  const int64_t width = std::min(shape.channels, shape.filters);
  return width < 32 ? 1.5 : width < 64 ? 1.2 : 1.1;
}

// Whether Winograd with few samples in the lanes, whose second half is left out then, takes less time than filters in
// the lanes where Winograd does not pay with those. Few tiles are one job, and many filters take long to transform
// for them.
bool winograd_fills_half(const Conv2dShape& shape, int64_t batch) {
  constexpr int64_t kManyTiles = 8;
  constexpr int64_t kManyWeights = int64_t{1} << 20;
  const auto& [window, channels, filters, activation, groups] = shape;
  if (!is_3x3_or_5x5(window) || !winograd_pays(shape, lane_blocks(batch))) return false;
  const WinogradForm form = winograd_form(window);
  const int64_t width = std::min(channels, filters);
  const int64_t fewest = width >= 64 ? 4 : width >= 24 ? 5 : form.has(WinogradAxis::kF25) ? 7 : 6;
  const int64_t tiles = winograd_tiles(shape);
  if (tiles >= kManyTiles) return batch >= fewest;
  return tiles >= kFewestTiles && batch > fewest && width >= 32 && weights_of(shape) <= kManyWeights;
}

// Whether it takes less time than Winograd with filters in the lanes: these leave more of their vectors empty.
bool winograd_fills_half_better(const Conv2dShape& shape, int64_t batch) {
  constexpr int64_t kHalf = kLanes / 2;
  const double most = winograd_form(shape.window).has(WinogradAxis::kF25) ? 0.9 : 0.78;  // of the samples
  const double samples = static_cast<double>(batch) / static_cast<double>(kHalf);
  return batch <= kHalf && std::min(filled(shape.channels), filled(shape.filters)) < most * samples &&
         winograd_fills_half(shape, batch);
}

// Whether Winograd takes less time with filters in the lanes than with samples, where the last block of these is partly
// empty. Sections of stride 1, whose products are most of the time, have to fill vectors.
bool winograd_channels_fill_lanes(const Conv2dShape& shape, int64_t batch) {
  constexpr double kLeastGain = 0.85;
  const bool fit = shape.channels % kLanes == 0 && shape.filters % kLanes == 0;
  if (!fit && !shape.window.strided() && !is_one_section(shape.window)) return false;
  return winograd_channels_time(shape) * filled(batch) < kLeastGain && winograd_channels_pays(shape, batch) &&
         !winograd_fills_half_better(shape, batch);
}

// Whether filters in the lanes have so many terms that samples in lanes, whose second half can be left out, take less
// time.
bool too_deep_for_channels(const Conv2dShape& shape) {
  constexpr int64_t kMostDepth = 4096;
  return direct_leaves_half_out() && shape.window.taps() * shape.channels > kMostDepth;
}

// Whether filters in the lanes take less time than samples, where the last block of these is partly empty. Strided ones
// take longer: BLAS makes the gradient of the input of most, and that of a phase has few pixels a row.
bool channels_fill_lanes(const Conv2dShape& shape, int64_t batch) {
  constexpr double kLeastGain = 0.9;
  const auto& [window, channels, filters, activation, groups] = shape;
  const double time = window.pointwise() ? 1 : window.strided() ? 1.4 : 1.2;
  return direct_exists(activation) && !too_deep_for_channels(shape) &&
         time * filled(batch) < kLeastGain * std::min(filled(channels), filled(filters));
}

// Whether Winograd with samples in the lanes takes less time than filters there, where the last block of samples is
// partly empty. Of 3x3 and 5x5 it always does.
bool winograd_fills_lanes(const Conv2dShape& shape, int64_t batch) {
  const double channels = shape.window.strided() ? 1.4 : 1.2;  // of a sample
  constexpr double kLeastGain = 0.9;
  return is_3x3_or_5x5(shape.window) || !channels_fill_lanes(shape, batch) ||
         conv2d_prediction_time(Conv2dKernel::kWinograd, shape, batch) <
             kLeastGain * channels * static_cast<double>(batch);
}

// Whether all groups together fill the lanes better than the filters of one. Each lane meets the channels of its group
// alone, but for every multiply-add a weight comes from L1, too.
bool groups_fill_lanes(const Conv2dShape& shape) {
  constexpr int64_t kMostProducts = 16;
  constexpr int64_t kMostFilters = 24;  // of a channel
  const auto& [window, channels, filters, activation, groups] = shape;
  if (groups == 1) return false;
  if (channels == 1) return filters <= kMostFilters;
  return channels * filters <= kMostProducts && (channels < 4 || groups * std::min(channels, filters) >= kLanes);
}

// Whether filters and channels are so few that some samples fill a vector better.
bool too_few_for_channels(const Conv2dShape& shape, int64_t batch) {
  const int64_t width = std::max(shape.channels, shape.filters);
  if (!direct_exists(shape.activation)) return false;
  if (width <= 4) return batch >= 5;
  if (width <= 6) return batch >= 6;
  return width <= 8 && shape.groups > 1 && batch >= 7;
}

// Whether depthwise convolutions take less time with channels in the lanes than with samples, where the last block of
// these is partly empty. Fewer channels than lanes leave vectors empty, too, and some more gain less.
bool depthwise_channels_fill_lanes(const Conv2dShape& shape, int64_t batch) {
  constexpr int64_t kSmallWindow = 9;
  constexpr int64_t kManyChannels = 32;
  const bool gains = shape.window.taps() <= kSmallWindow && shape.groups >= kManyChannels;
  return shape.groups > 1 && shape.channels == 1 && shape.filters == 1 &&
         filled(batch) < (gains ? 0.8 : 0.6) * filled(shape.groups);
}

// Of a sample with filters in the lanes, all of them filled, in times of one in a full block.
double prediction_time_in_rows(const Conv2dShape& shape) { return shape.window.pointwise() ? 1 : 1.1; }

}  // namespace

Conv2dKernel choose_conv2d(Conv2dKernel requested, const Conv2dShape& shape, int64_t batch) {
  if (requested != Conv2dKernel::kAuto) return requested;
  if (pixels_pay(shape, batch)) return Conv2dKernel::kDirectPixels;
  if (!fills_lanes(batch)) {
    if (groups_fill_lanes(shape)) return Conv2dKernel::kGroupedChannels;
    if (winograd_channels_pays(shape, batch) && !winograd_fills_half_better(shape, batch)) {
      return Conv2dKernel::kWinogradChannels;
    }
    if (winograd_fills_half(shape, batch)) return Conv2dKernel::kWinograd;
    return too_few_for_channels(shape, batch) ? Conv2dKernel::kDirect : Conv2dKernel::kDirectChannels;
  }
  if (depthwise_channels_fill_lanes(shape, batch)) return Conv2dKernel::kGroupedChannels;
  if (winograd_channels_fill_lanes(shape, batch)) return Conv2dKernel::kWinogradChannels;
  if (winograd_pays(shape, lane_blocks(batch)) && winograd_fills_lanes(shape, batch)) return Conv2dKernel::kWinograd;
  if (channels_fill_lanes(shape, batch)) return Conv2dKernel::kDirectChannels;
  return direct_exists(shape.activation) ? Conv2dKernel::kDirect : Conv2dKernel::kBlas;
}

// Without a gradient of the input strides cost no more, and few channels nothing, since they lie along the products.
std::optional<Conv2dKernel> choose_conv2d_without_gradient(Conv2dKernel requested, const Conv2dShape& shape,
                                                           int64_t batch, WantedGradients wanted) {
  constexpr double kLeastGain = 0.85;
  const double least_filled = direct_leaves_half_out() ? 0.85 : 0.7;
  const auto& [window, channels, filters, activation, groups] = shape;
  const bool predicts = wanted == WantedGradients::kNone;
  if (predicts && filled(filters) < least_filled) return {};
  if (predicts && requested == Conv2dKernel::kAuto && winograd_channels_pays(shape, batch, FiltersMade::kOnce) &&
      choose_conv2d(requested, shape, batch) == Conv2dKernel::kDirectChannels) {
    return Conv2dKernel::kWinogradChannels;
  }
  const double time = predicts || window.pointwise() ? prediction_time_in_rows(shape) : 1.2;
  const bool able = requested == Conv2dKernel::kAuto && groups == 1 && !too_deep_for_channels(shape) &&
                    choose_conv2d(requested, shape, batch) == Conv2dKernel::kDirect &&
                    time * filled(batch) < kLeastGain * filled(filters);
  return able ? std::optional(Conv2dKernel::kDirectChannels) : std::nullopt;
}

std::optional<Conv2dKernel> choose_conv2d_in_lanes(Conv2dKernel requested, const Conv2dShape& shape, int64_t batch) {
  constexpr double kFilled = 0.8;
  const bool able = requested == Conv2dKernel::kAuto && shape.window.pointwise() && fills_lanes(batch) &&
                    filled(batch) >= kFilled && choose_conv2d(requested, shape, batch) == Conv2dKernel::kDirectChannels;
  return able ? std::optional(Conv2dKernel::kDirect) : std::nullopt;
}

std::optional<Conv2dKernel> choose_conv2d_in_rows(Conv2dKernel requested, const Conv2dShape& shape, int64_t batch) {
  constexpr int64_t kSmallWindow = 9;
  constexpr double kFilled = 0.7;  // of the vectors
  constexpr double kWellFilled = 0.9;
  const auto& [window, channels, filters, activation, groups] = shape;
  if (requested != Conv2dKernel::kAuto || choose_conv2d(requested, shape, batch) != Conv2dKernel::kDirect) return {};
  if (window.pointwise() && groups == 1 && filled(filters) >= kFilled) {
    return Conv2dKernel::kDirectChannels;
  }
  const bool depthwise = channels == 1 && filters == 1 && groups > 1;
  if (depthwise && filled(groups) >= (window.taps() <= kSmallWindow ? kFilled : kWellFilled)) {
    return Conv2dKernel::kGroupedChannels;
  }
  return {};
}

Conv2dKernel choose_conv2d_to_predict(Conv2dKernel requested, const Conv2dShape& shape, int64_t batch) {
  if (const auto rows = choose_conv2d_in_rows(requested, shape, batch)) return *rows;
  const auto fastest = choose_conv2d_without_gradient(requested, shape, batch, WantedGradients::kNone);
  return fastest ? *fastest : choose_conv2d(requested, shape, batch);
}

// As on a Zen 4, with AVX-512 and AVX2.
double conv2d_prediction_time(Conv2dKernel kernel, const Conv2dShape& shape, int64_t batch) {
  constexpr double kWinograd = 0.5;            // of 3x3 and 5x5, where whole tiles cover the map
  constexpr double kWinogradTransforms = 0.2;  // of others, beside their products
  constexpr double kWinogradHalf = 10;         // samples of a full block in whose time half of one is done
  constexpr double kDeep = 1.4;
  constexpr double kBlas = 1.5;
  const auto samples = static_cast<double>(batch);
  const auto in_lanes = [&](double half) {
    const auto full = static_cast<double>(full_width_blocks(batch) * kLanes);
    return full_width_blocks(batch) == lane_blocks(batch) ? full : full + half;
  };
  const auto winograd = [&] {
    const auto pixels = static_cast<double>(shape.window.output_pixels());
    if (!is_3x3_or_5x5(shape.window)) {
      return kWinogradTransforms + winograd_products(shape) / (pixels * static_cast<double>(shape.window.taps()));
    }
    const WinogradForm form = winograd_form(shape.window);
    const double of_whole_tiles =
        pixels * static_cast<double>(form.coefficients()) / static_cast<double>(form.tile_pixels());
    return kWinograd * winograd_products(shape) / of_whole_tiles;
  };
  switch (kernel) {
    case Conv2dKernel::kDirect: return in_lanes(direct_leaves_half_out() ? kHalfLanes : kLanes);
    case Conv2dKernel::kWinograd: return winograd() * in_lanes(kWinogradHalf);
    case Conv2dKernel::kWinogradChannels: return winograd() * winograd_channels_time(shape) * samples;
    case Conv2dKernel::kDirectChannels:
      return (too_deep_for_channels(shape) ? kDeep : prediction_time_in_rows(shape)) * samples / filled(shape.filters);
    case Conv2dKernel::kDirectPixels: return samples / filled(shape.filters);
    case Conv2dKernel::kGroupedChannels: return samples / filled(shape.groups * shape.filters);
    default: return kBlas * samples;
  }
}

DenseKernel choose_dense(const std::string& requested, const std::string& label) {
  if (requested == "auto") return DenseKernel::kPanels;
  if (requested == "blas") return DenseKernel::kBlas;
  throw Error("INVALID_SPEC", label + ": kernel \"" + requested + "\" does not exist; use \"auto\" or \"blas\"");
}

bool dense_reads_lanes(int64_t units) { return units <= kMostLanesUnits; }

bool dense_transposes_gradient(int64_t batch, int64_t inputs, int64_t units) {
  constexpr int64_t kMostSamples = 64;
  constexpr int64_t kMostEmpty = 4;  // of the last vector
  constexpr int64_t kFewestUnits = 64;
  return batch <= kMostSamples && round_up(batch, kLanes) - batch <= kMostEmpty && inputs >= kLanes &&
         units >= std::max(kFewestUnits, 4 * batch);
}

int64_t dense_stretches(int64_t inputs, int64_t units) {
  constexpr int64_t kMostUnits = 128;
  constexpr int64_t kFewestInputs = 256;
  constexpr int64_t kMostWeights = 128 * 1024;
  constexpr int64_t kStretches = 2;
  // Longer ones would be added to others part by part on one thread, and as wholes on several.
  const bool fits = inputs <= kStretches * kDepthBlock && inputs * units <= kMostWeights;
  const bool wide = inputs >= kFewestInputs && inputs >= 4 * units && units <= kMostUnits;
  return fits && wide ? kStretches : 1;
}

bool dense_is_narrow(int64_t inputs, int64_t units, Activation activation) {
  return inputs <= kMostNarrowFeatures && units <= kMostNarrowFeatures && !activation.spans_row();
}

}  // namespace gradloom
