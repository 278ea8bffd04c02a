#include "layers/window_spec.h"

#include <algorithm>
#include <vector>

#include "common/checked.h"
#include "common/error.h"

namespace gradloom {
namespace {

Extent2d read_extent(const Spec& spec, const char* key) {
  const std::vector<int64_t> values = spec.integers(key, 1, 2);
  return {values[0], values[1]};
}

std::string describe_padding(const Spec& padding, const Padding2d& p) {
  if (padding.is_string()) return "";
  return "[" + std::to_string(p.top) + ", " + std::to_string(p.bottom) + ", " + std::to_string(p.left) + ", " +
         std::to_string(p.right) + "]";
}

struct Axis {
  int64_t input;
  int64_t window;
  int64_t stride;
  int64_t dilation;
  int64_t before;
  int64_t after;

  int64_t span() const { return (window - 1) * dilation + 1; }

  // Total padding that gives ceil(input / stride) outputs.
  void pad_same() {
    const int64_t outputs = ceil_divide(input, stride);
    const int64_t total = std::max<int64_t>((outputs - 1) * stride + span() - input, 0);
    before = total / 2;
    after = total - before;
  }

  // 0 when not even one window fits; rounding up, one that sticks out by less than a stride does.
  int64_t outputs(WindowRounding rounding) const {
    const int64_t room = input + before + after - span();
    if (rounding == WindowRounding::kDown) return room < 0 ? 0 : room / stride + 1;
    if (room <= -stride) return 0;
    const int64_t count = ceil_divide(room, stride) + 1;
    return (count - 1) * stride >= input + before ? count - 1 : count;
  }
};

// The start of error messages, as Layer has it: maxPool2d "maxPool2d_1"
std::string label_of(const Spec& spec) { return spec.string("kind") + " \"" + spec.string("name") + "\""; }

void check_image(const std::string& label, const Shape& input) {
  if (input.rank() == 3) return;
  throw Error("SHAPE_MISMATCH", label + ": takes images [height, width, channels], got samples of shape " +
                                    input.to_string() + "; set the model's inputShape accordingly");
}

// Every window of one axis must hold at least one pixel of the image.
bool windows_reach_image(int64_t input, int64_t output, int64_t window, int64_t stride, int64_t dilation,
                         int64_t padding) {
  for (int64_t position = 0; position < output; ++position) {
    const TapRange taps = taps_on_image(position * stride - padding, dilation, window, input);
    if (taps.first >= taps.last) return false;
  }
  return true;
}

}  // namespace

Window2d read_window(const Spec& spec, const std::string& label, const char* size_key, const Shape& input,
                     WindowRounding rounding) {
  check_image(label, input);
  // Bounds every later sum of sizes; no image comes near.
  constexpr int64_t kLargest = int64_t{1} << 30;
  Window2d w{};
  w.input = {input[0], input[1]};
  w.window = read_extent(spec, size_key);
  w.stride = read_extent(spec, "strides");
  w.dilation = read_extent(spec, "dilation");
  const Spec& padding = spec.at("padding");
  const bool same = padding.is_string() && spec.string("padding") == "same";
  if (padding.is_list()) {
    const std::vector<int64_t> sides = spec.integers("padding", 0, 4);
    w.padding = {sides[0], sides[1], sides[2], sides[3]};
  } else if (!same && spec.string("padding") != "valid") {
    throw Error("INVALID_SPEC", label + ": padding must be \"valid\", \"same\" or four numbers");
  }
  for (const int64_t size :
       {w.input.height, w.input.width, w.window.height, w.window.width, w.stride.height, w.stride.width,
        w.dilation.height, w.dilation.width, w.padding.top, w.padding.bottom, w.padding.left, w.padding.right}) {
    if (size > kLargest)
      throw Error("SHAPE_TOO_LARGE", label + ": a size of " + std::to_string(size) + " exceeds 2^30");
  }
  Axis rows{w.input.height, w.window.height, w.stride.height, w.dilation.height, w.padding.top, w.padding.bottom};
  Axis columns{w.input.width, w.window.width, w.stride.width, w.dilation.width, w.padding.left, w.padding.right};
  if (same) {
    rows.pad_same();
    columns.pad_same();
    w.padding = {rows.before, rows.after, columns.before, columns.after};
  }
  w.output = {rows.outputs(rounding), columns.outputs(rounding)};
  if (w.output.height < 1 || w.output.width < 1) {
    const std::string shown = padding.is_string() ? "\"valid\"" : describe_padding(padding, w.padding);
    // The largest undilated square that would fit.
    const int64_t fits =
        std::min(rows.input + rows.before + rows.after, columns.input + columns.before + columns.after);
    const bool square = w.window.height == w.window.width;
    throw Error("SHAPE_MISMATCH",
                label + ": " + size_key + " " +
                    (square ? std::to_string(w.window.height)
                            : "[" + std::to_string(w.window.height) + ", " + std::to_string(w.window.width) + "]") +
                    (w.dilation.height > 1 || w.dilation.width > 1 ? " with dilation" : "") +
                    " does not fit the input " + input.to_string() + " with padding " + shown +
                    "; use padding \"same\" or a " + size_key + " up to " + std::to_string(fits));
  }
  return w;
}

Window2d read_pooling_window(const Spec& spec, const Shape& input) {
  const std::string label = label_of(spec);
  const WindowRounding rounding = spec.string("rounding") == "up" ? WindowRounding::kUp : WindowRounding::kDown;
  const Window2d w = read_window(spec, label, "poolSize", input, rounding);
  if (!windows_reach_image(w.input.height, w.output.height, w.window.height, w.stride.height, w.dilation.height,
                           w.padding.top) ||
      !windows_reach_image(w.input.width, w.output.width, w.window.width, w.stride.width, w.dilation.width,
                           w.padding.left)) {
    throw Error("SHAPE_MISMATCH", label +
                                      ": a window lies wholly in the padding, where there are no values; use a "
                                      "padding smaller than poolSize");
  }
  return w;
}

Window2d global_window(const Spec& spec, const Shape& input) {
  check_image(label_of(spec), input);
  const Extent2d image{input[0], input[1]};
  return {image, {1, 1}, image, {1, 1}, {1, 1}, {}};
}

}  // namespace gradloom
