#include "kernels/gather/augment.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kernels/gather/affine.h"

namespace gradloom {
namespace {

void normalise(const float* x, const ImageChange& change, const float* scale, const float* shift, int64_t count,
               float* out) {
  if (scale == nullptr) {
    const float gain = change.gain;
    const float offset = change.offset;
    if (gain == 1 && offset == 0) {
      std::copy_n(x, count, out);
    } else {
      std::transform(x, x + count, out, [=](float value) { return value * gain + offset; });
    }
    return;
  }
  if (change.gain == 1 && change.offset == 0) return affine(x, scale, shift, count, out);
  affine_twice(x, change.gain, change.offset, scale, shift, count, out);
}

void normalise(const uint8_t* x, const ImageChange& change, const float* scale, const float* shift, int64_t count,
               float* out) {
  if (change.gain == 1 && change.offset == 0) return affine_from_bytes(x, scale, shift, count, out);
  affine_twice_from_bytes(x, change.gain, change.offset, scale, shift, count, out);
}

// With the number of channels as a constant, so that a pixel moves in registers.
template <int kChannels>
void reverse_pixels(float* pixels, int64_t count) {
  float* first = pixels;
  float* last = pixels + (count - 1) * kChannels;
  for (; first < last; first += kChannels, last -= kChannels) {
    for (int c = 0; c < kChannels; ++c) std::swap(first[c], last[c]);
  }
}

void reverse_pixels(float* pixels, int64_t count, int64_t channels) {
  switch (channels) {
    case 1: return std::reverse(pixels, pixels + count);
    case 2: return reverse_pixels<2>(pixels, count);
    case 3: return reverse_pixels<3>(pixels, count);
    case 4: return reverse_pixels<4>(pixels, count);
    default: break;
  }
  for (int64_t i = 0, j = count - 1; i < j; ++i, --j) {
    std::swap_ranges(pixels + i * channels, pixels + (i + 1) * channels, pixels + j * channels);
  }
}

// The pixels of a row that lie outside of [left, right), where the image is.
void pad_row(float* row, const ImageSize& size, int64_t left, int64_t right, Padding padding) {
  const int64_t channels = size.channels;
  if (padding == Padding::kZero) {
    std::fill(row, row + left * channels, 0.0F);
    std::fill(row + right * channels, row + size.width * channels, 0.0F);
    return;
  }
  for (int64_t w = 0; w < left; ++w) std::copy_n(row + left * channels, channels, row + w * channels);
  for (int64_t w = right; w < size.width; ++w) {
    std::copy_n(row + (right - 1) * channels, channels, row + w * channels);
  }
}

template <class Stored>
void augment(const Stored* x, const float* scale, const float* shift, const ImageSize& size, Padding padding,
             const ImageChange& change, float* out) {
  const auto [height, width, channels] = size;
  const int64_t left = std::max<int64_t>(change.right, 0);
  const int64_t right = width + std::min<int64_t>(change.right, 0);
  // The stored column of the leftmost pixel that is shown.
  const int64_t start = change.mirrored ? width - (right - change.right) : left - change.right;
  for (int64_t h = 0; h < height; ++h) {
    float* row = out + h * width * channels;
    int64_t from = h - change.down;
    if (padding == Padding::kZero && (from < 0 || from >= height)) {
      std::fill_n(row, width * channels, 0.0F);
      continue;
    }
    from = std::clamp<int64_t>(from, 0, height - 1);
    if (change.upside_down) from = height - 1 - from;
    const int64_t at = (from * width + start) * channels;
    float* shown = row + left * channels;
    const bool scaled = scale != nullptr;
    normalise(x + at, change, scaled ? scale + at : nullptr, scaled ? shift + at : nullptr, (right - left) * channels,
              shown);
    if (change.mirrored) reverse_pixels(shown, right - left, channels);
    pad_row(row, size, left, right, padding);
  }
  const auto& cut = change.cut;
  for (int64_t h = cut.top; h < cut.bottom; ++h) {
    std::fill(out + (h * width + cut.left) * channels, out + (h * width + cut.right) * channels, 0.0F);
  }
}

// Sums of every eighth value, which the compiler keeps in lanes.
template <class Stored, class Sum>
double mean_of(const Stored* x, int64_t count) {
  constexpr int64_t kSums = 8;
  std::array<Sum, kSums> sums{};
  int64_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    for (int64_t k = 0; k < kSums; ++k) sums[static_cast<size_t>(k)] += x[i + k];
  }
  for (; i < count; ++i) sums[0] += x[i];
  double total = 0;
  for (const Sum sum : sums) total += static_cast<double>(sum);
  return total / static_cast<double>(count);
}

}  // namespace

void augment_image(const float* x, const float* scale, const float* shift, const ImageSize& size, Padding padding,
                   const ImageChange& change, float* out) {
  augment(x, scale, shift, size, padding, change, out);
}

void augment_image(const uint8_t* x, const float* scale, const float* shift, const ImageSize& size, Padding padding,
                   const ImageChange& change, float* out) {
  augment(x, scale, shift, size, padding, change, out);
}

double mean(const float* x, int64_t count) { return mean_of<float, double>(x, count); }
double mean(const uint8_t* x, int64_t count) { return mean_of<uint8_t, int64_t>(x, count); }

}  // namespace gradloom
