// SPDX-License-Identifier: Apache-2.0

#include "tests/support/same_bits.h"

#include <cstddef>

namespace cascade::testing {

namespace {

::testing::AssertionResult Compare(std::span<const float> actual, std::span<const float> expected,
                                   bool (*same)(float, float)) {
  if (actual.size() != expected.size()) {
    return ::testing::AssertionFailure() << actual.size() << " elements, not " << expected.size();
  }
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (same(actual[i], expected[i])) continue;
    return ::testing::AssertionFailure()
           << "element " << i << " is " << ::testing::PrintToString(actual[i]) << ", not "
           << ::testing::PrintToString(expected[i]);
  }
  return ::testing::AssertionSuccess();
}

}  // namespace

::testing::AssertionResult SameBits(std::span<const float> actual,
                                    std::span<const float> expected) {
  return Compare(actual, expected, [](float a, float b) { return SameBits(a, b); });
}

::testing::AssertionResult SameBitsOrNaN(std::span<const float> actual,
                                         std::span<const float> expected) {
  return Compare(actual, expected, [](float a, float b) { return SameBitsOrNaN(a, b); });
}

::testing::AssertionResult SameBits(model::ConstMatF actual, model::ConstMatF expected) {
  if (actual.rows() != expected.rows()) {
    return ::testing::AssertionFailure() << actual.rows() << " rows, not " << expected.rows();
  }
  for (std::size_t r = 0; r < expected.rows(); ++r) {
    const ::testing::AssertionResult same = SameBits(actual.Row(r), expected.Row(r));
    if (!same) return ::testing::AssertionFailure() << "row " << r << ": " << same.message();
  }
  return ::testing::AssertionSuccess();
}

}  // namespace cascade::testing
