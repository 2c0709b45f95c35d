// Golden data, what Hugging Face computed, and comparison with it. The files lie under
// tests/golden.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "model/mat_view.h"
#include "nlohmann/json_fwd.hpp"

namespace cascade::testing {

// A float32 tensor of a .npy file. Owns its values; views borrow them.
struct GoldenTensor {
  std::vector<std::size_t> shape;  // slowest first
  std::vector<float> values;

  // [everything but the last dimension, the last dimension]
  model::ConstMatF AsMat() const;

  // The same of element `i` of the first dimension.
  model::ConstMatF At(std::size_t i) const;
};

// Golden data is part of the source tree: a missing or malformed file ends the test binary.
GoldenTensor ReadGoldenTensor(const std::string& path);
std::vector<std::uint32_t> ReadGoldenInts(const std::string& path);  // int32, not negative
nlohmann::json ReadGoldenJson(const std::string& path);

// How far two matrices of one shape lie apart. A NaN on either side is infinitely far.
struct Difference {
  double max_abs_error = 0;
  std::size_t row = 0;  // of the worst element
  std::size_t col = 0;
  float actual = 0;
  float expected = 0;
  std::size_t outside = 0;  // elements beyond the tolerance
};
Difference Compare(model::ConstMatF actual, model::ConstMatF expected, double tolerance);

// Succeeds if shapes and all bits are the same; names the first element that is not.
::testing::AssertionResult HasTheBitsOf(model::ConstMatF actual, model::ConstMatF expected);

}  // namespace cascade::testing
