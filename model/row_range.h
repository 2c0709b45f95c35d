// SPDX-License-Identifier: Apache-2.0
// Some rows of a matrix or of a step's batch.
#pragma once

#include <cstddef>
#include <span>

namespace cascade::model {

// Consecutive rows: [first, first + count).
struct RowRange {
  std::size_t first = 0;
  std::size_t count = 0;

  std::size_t end() const { return first + count; }
  friend bool operator==(const RowRange&, const RowRange&) = default;
};

// How many rows the ranges have together; a row that two of them have counts twice.
inline std::size_t CountRows(std::span<const RowRange> ranges) {
  std::size_t rows = 0;
  for (const RowRange& range : ranges) rows += range.count;
  return rows;
}

}  // namespace cascade::model
