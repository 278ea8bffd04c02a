#include "datasets/augmentation.h"

#include <algorithm>

namespace gradloom {
namespace {

// From 0 to bound - 1.
int64_t below(uint32_t word, int64_t bound) {
  return static_cast<int64_t>(uint64_t{word} * static_cast<uint64_t>(bound) >> 32);
}

double around_one(uint32_t word, float distance) {
  return 1 + static_cast<double>(distance) * (2 * static_cast<double>(uniform_unit(word)) - 1);
}

}  // namespace

// Every kind of change has words of its own, so that one more changes nothing of the others.
ImageChange Augmenter::draw(int64_t place, const ImageSize& size, double average) const {
  const PhiloxBlock moves = random_.block(2 * static_cast<uint64_t>(place));
  const PhiloxBlock others = random_.block(2 * static_cast<uint64_t>(place) + 1);
  const Augmentation& a = augmentation_;
  ImageChange change;
  change.mirrored = a.flips_horizontally && moves[0] >> 31 == 1;
  change.upside_down = a.flips_vertically && moves[1] >> 31 == 1;
  change.down = below(moves[2], 2 * a.shift + 1) - a.shift;
  change.right = below(moves[3], 2 * a.shift + 1) - a.shift;
  const double gain = around_one(others[0], a.brightness);
  const double contrast = around_one(others[1], a.contrast);
  change.gain = static_cast<float>(gain * contrast);
  change.offset = static_cast<float>(gain * (1 - contrast) * average);
  if (a.cutout > 0) {
    const int64_t top = below(others[2], size.height) - a.cutout / 2;
    const int64_t left = below(others[3], size.width) - a.cutout / 2;
    change.cut = {.top = std::max<int64_t>(top, 0),
                  .bottom = std::min(top + a.cutout, size.height),
                  .left = std::max<int64_t>(left, 0),
                  .right = std::min(left + a.cutout, size.width)};
  }
  return change;
}

}  // namespace gradloom
