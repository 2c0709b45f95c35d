// SPDX-License-Identifier: Apache-2.0
// What the tests of all kernel families have in common: the product that is tested, and the part of
// the plain one that is every family's. `Operands` has shape, X(), packed and residual.
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "model/kernels/activations.h"
#include "model/kernels/matmul.h"
#include "tests/support/same_bits.h"
#include "tests/support/scattering_executor.h"

namespace cascade::model::kernels {

template <typename Operands>
std::vector<float> Product(const Operands& operands, const Epilogue& epilogue) {
  const auto& shape = operands.shape;
  std::vector<float> out(shape.rows * shape.n_out, std::numeric_limits<float>::quiet_NaN());
  testing::ScatteringExecutor executor;
  MatMulScratch scratch;
  MatMul(operands.X(), operands.packed, epilogue, executor, scratch,
         MatF(out.data(), shape.rows, shape.n_out));
  return out;
}

// Expects of each row alone the bits that it has in the product of all rows.
template <typename Operands>
void ExpectRowsDoNotDependOnTheBatch(const Operands& operands) {
  const std::vector<float> together = Product(operands, {});
  InlineExecutor executor;
  MatMulScratch scratch;
  std::vector<float> alone(operands.shape.n_out);
  for (std::size_t r = 0; r < operands.shape.rows; ++r) {
    MatMul(operands.X().Rows(r, 1), operands.packed, {}, executor, scratch,
           MatF(alone.data(), 1, alone.size()));
    EXPECT_TRUE(
        testing::SameBitsOrNaN(alone, std::span(together).subspan(r * alone.size(), alone.size())))
        << "row " << r;
  }
}

// What the epilogue does to finished chains, bias and scales aside.
template <typename Operands>
void EndNaively(const Operands& operands, const Epilogue& epilogue, std::vector<float>& out) {
  Activate(epilogue.activation, out);
  if (epilogue.residual.rows() == 0) return;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = operands.residual[i] + out[i];
}

}  // namespace cascade::model::kernels
