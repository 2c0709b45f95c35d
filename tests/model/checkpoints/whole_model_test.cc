// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoints/whole_model.h"

#include <cstddef>

#include "gtest/gtest.h"
#include "model/row_range.h"

namespace cascade::model {
namespace {

// A model gives no more rows than it was made for, however short the sequence is.
TEST(SelectionsTest, HaveNoMoreRowsThanTheSequence) {
  for (std::size_t count = 1; count <= 32; ++count) {
    for (const RowRanges& ranges : Selections(count)) {
      EXPECT_LE(CountRows(ranges), count) << Describe(ranges);
      for (const RowRange& range : ranges) EXPECT_LE(range.end(), count) << Describe(ranges);
    }
  }
}

}  // namespace
}  // namespace cascade::model
