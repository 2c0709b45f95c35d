// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/matmul.h"

#include <array>
#include <cassert>
#include <cstddef>

#include "model/kernels/float_chains.h"
#include "model/kernels/integer_dots.h"
#include "model/kernels/kernel_family.h"
#include "model/kernels/panel_formats.h"

namespace cascade::model::kernels {
namespace {

using MultiplyFunction = decltype(&MatMul);

// One row for each KernelFamily, in the order of the enumeration.
constexpr std::array<MultiplyFunction, 2> kFamilies = {&MultiplyFloatChains, &MultiplyIntegerDots};

}  // namespace

void MatMul(ConstMatF x, const PackedMatrix& w, const Epilogue& epilogue, Executor& executor,
            MatMulScratch& scratch, MatF out) {
  assert(x.cols() == w.n_in() && out.rows() == x.rows() && out.cols() == w.n_out());
  assert(w.n_in() > 0 && (epilogue.bias.empty() || epilogue.bias.size() == w.n_out()));
  if (x.rows() == 0) return;
  kFamilies[static_cast<std::size_t>(w.format().family)](x, w, epilogue, executor, scratch, out);
}

}  // namespace cascade::model::kernels
