// The loop by which a processor's limit of arithmetic is measured: nothing but what kernels are made of, at the
// instruction set that they are dispatched to.
#pragma once

#include <cstdint>

namespace gradloom {

// Chains of x = x factor + addend in registers, enough of them to hide that each takes some cycles, `rounds` steps
// long. They begin at numbers whose sum is 0. Returns the sum of their last ones.
float multiply_add_chains(int64_t rounds, float factor, float addend);
// Floating-point operations of that, two a multiply-add.
int64_t multiply_add_flops(int64_t rounds);

}  // namespace gradloom
