// Clipping by norms (R. Pascanu, T. Mikolov, Y. Bengio, 2013; the rule of PyTorch's clip_grad_norm_):
//   g = g min(1, limit / (norm + 1e-6))
// with the norm of all gradients together or of each parameter's. Clipping by value needs no norm: g is held within
// [-limit, limit], element by element.
#pragma once

#include <cstdint>
#include <vector>

#include "common/parallel.h"

namespace gradloom {

struct GradientClip {
  enum class Kind {
    kNone,
    kGlobalNorm,
    kNorm,
    kValue,
  };
  enum class Norm { kEuclidean, kMaximum };
  Kind kind = Kind::kNone;
  double limit = 0;
  Norm norm = Norm::kEuclidean;

  bool by_norm() const { return kind == Kind::kGlobalNorm || kind == Kind::kNorm; }
  bool by_value() const { return kind == Kind::kValue; }
};

// Norms are summed in double, over pieces that are cut by size. Allocates only when constructed.
class GradientNorms {
 public:
  // For parameters of these sizes.
  explicit GradientNorms(const std::vector<int64_t>& sizes);

  // Of each parameter; a null gradient counts as zeros.
  const std::vector<double>& compute(Team& team, const std::vector<const float*>& gradients, GradientClip::Norm norm);
  // What each gradient is to be multiplied by, from the norms just computed. Not finite norms give 0, as in PyTorch.
  const std::vector<double>& factors(const GradientClip& clip);

 private:
  struct Piece {
    size_t parameter;
    int64_t first;
    int64_t count;
  };
  std::vector<Piece> pieces_;
  std::vector<double> partial_;  // one a piece
  std::vector<double> norms_;
  std::vector<double> factors_;
};

}  // namespace gradloom
