// The update of all of a parameter in the layout of files, cut into the pieces that its optimizer allows.
#pragma once

#include "common/parallel.h"
#include "optimizers/optimizer.h"

namespace gradloom {

// `args.shape` is the parameter's, which has so many states. Pieces are cut by size, so the number of threads changes
// no bit.
GradientCheck update_whole(Team& team, const Optimizer& optimizer, const UpdateArguments& args, size_t state_count);

}  // namespace gradloom
