// SPDX-License-Identifier: Apache-2.0
// How the model asks for parallel work without knowing threads.
#pragma once

#include <cstddef>

#include "absl/functional/function_ref.h"

namespace cascade::model {

// Half-open: [begin, end).
struct IndexRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// The model owns no threads: the server passes a pool, everything else an InlineExecutor.
class Executor {
 public:
  using Body = absl::FunctionRef<void(IndexRange)>;

  virtual ~Executor() = default;

  // Calls `body` on disjoint ranges that cover [0, count), possibly at once, and returns when all
  // are done. Range limits are multiples of `grain` (at least 1), except the last. `body` must not
  // call the executor. If it throws, one of its exceptions leaves this call, once all ranges have
  // ended. Which ranges are made never changes a result: outputs are
  // split, sums are not.
  virtual void ForRanges(std::size_t count, std::size_t grain, Body body) = 0;
};

// Runs everything on the calling thread: one range.
class InlineExecutor final : public Executor {
 public:
  void ForRanges(std::size_t count, std::size_t /*grain*/, Body body) override {
    if (count > 0) body({0, count});
  }
};

}  // namespace cascade::model
