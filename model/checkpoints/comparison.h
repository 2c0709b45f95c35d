// SPDX-License-Identifier: Apache-2.0
// How far two matrices lie apart.
#pragma once

#include <cstddef>

#include "model/mat_view.h"

namespace cascade::model {

// The largest error, the element that has it, and how many elements are outside the tolerance.
struct Difference {
  double max_abs_error = 0;
  std::size_t row = 0;  // of the worst element
  std::size_t col = 0;
  float actual = 0;
  float expected = 0;
  std::size_t outside = 0;
};

// Compares element by element. A NaN on either side is infinitely far from everything, and so is a
// matrix of another shape, which counts as one element outside. Infinity is near itself alone.
// With tolerance 0 all bits must agree: zeros of different signs are outside.
Difference Compare(ConstMatF actual, ConstMatF expected, double tolerance);

}  // namespace cascade::model
