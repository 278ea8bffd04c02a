// Random changes of the images of a batch, drawn anew for every sample of every step: from (seed, step, place in the
// batch) alone, so neither threads nor breaks change them.
#pragma once

#include <cstdint>

#include "common/random.h"
#include "kernels/gather/augment.h"

namespace gradloom {

// What may be done; by default nothing. Every draw is uniform.
struct Augmentation {
  bool flips_horizontally = false;  // every second image
  bool flips_vertically = false;
  int64_t shift = 0;  // at most so many pixels up or down, and left or right
  Padding padding = Padding::kZero;
  // Stored values become gain * (contrast * (x - mean) + mean), with the mean of the image, a gain within `brightness`
  // of 1 and a contrast within `contrast` of 1.
  float brightness = 0;
  float contrast = 0;
  int64_t cutout = 0;  // the side of a square around any pixel that becomes 0, as far as it lies in the image

  bool changes() const {
    return flips_horizontally || flips_vertically || shift > 0 || brightness > 0 || contrast > 0 || cutout > 0;
  }
};

// Of one step.
class Augmenter {
 public:
  Augmenter(const Augmentation& augmentation, uint64_t seed, uint64_t step)
      : augmentation_(augmentation), random_(seed, RandomPurpose::kAugmentation, 0, step) {}

  // out = the image x at `place` of the batch, changed; scale, shift as in augment_image.
  template <class Stored>
  void apply(int64_t place, const Stored* x, const float* scale, const float* shift, const ImageSize& size,
             float* out) const {
    const int64_t values = size.height * size.width * size.channels;
    const double average = augmentation_.contrast > 0 ? mean(x, values) : 0;
    augment_image(x, scale, shift, size, augmentation_.padding, draw(place, size, average), out);
  }

 private:
  ImageChange draw(int64_t place, const ImageSize& size, double average) const;

  const Augmentation& augmentation_;
  RandomStream random_;
};

}  // namespace gradloom
