// SPDX-License-Identifier: Apache-2.0
// An executor that shows whether a result depends on how work is split.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "model/executor.h"

namespace cascade::testing {

// Cuts work into ranges of uneven sizes and runs them from the last to the first.
class ScatteringExecutor final : public model::Executor {
 public:
  void ForRanges(std::size_t count, std::size_t grain, Body body) override {
    std::vector<model::IndexRange> ranges;
    for (std::size_t begin = 0; begin < count;) {
      const std::size_t end = std::min(count, begin + grain * (1 + ranges.size() % 3));
      ranges.push_back({begin, end});
      begin = end;
    }
    for (; !ranges.empty(); ranges.pop_back()) body(ranges.back());
  }
};

}  // namespace cascade::testing
