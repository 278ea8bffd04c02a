// An image that is changed on its way into a batch. H, W, C: height, width, channels.
#pragma once

#include <cstdint>

namespace gradloom {

struct ImageSize {
  int64_t height;
  int64_t width;
  int64_t channels;
};

// What the places show that a moved image leaves.
enum class Padding { kZero, kEdge };

// What is done to an image, in this order.
struct ImageChange {
  float gain = 1;  // a stored value x reads as x * gain + offset
  float offset = 0;
  bool mirrored = false;  // left to right
  bool upside_down = false;
  int64_t down = 0;  // pixels that it is moved by, less than H and W
  int64_t right = 0;
  // Rows [top, bottom) of the columns [left, right) become 0.
  struct Cut {
    int64_t top = 0;
    int64_t bottom = 0;
    int64_t left = 0;
    int64_t right = 0;
  } cut;
};

// y[i] = (x[i] * gain + offset) * scale[i] + shift[i], as stored [H][W][C]; then the pixels of y in `out` where
// `change` moves them, and 0 where nothing is: what padding kZero leaves, and the cut. Of floats, scale and shift may
// be null: 1 and 0.
void augment_image(const float* x, const float* scale, const float* shift, const ImageSize& size, Padding padding,
                   const ImageChange& change, float* out);
void augment_image(const uint8_t* x, const float* scale, const float* shift, const ImageSize& size, Padding padding,
                   const ImageChange& change, float* out);

// In an order that depends on `count` alone.
double mean(const float* x, int64_t count);
double mean(const uint8_t* x, int64_t count);

}  // namespace gradloom
