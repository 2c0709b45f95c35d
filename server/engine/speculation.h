// SPDX-License-Identifier: Apache-2.0
// How many tokens a sequence drafts ahead.
#pragma once

#include <cstddef>

namespace cascade::server {

// The length of a sequence's drafts: doubles while the model accepts whole drafts, shrinks to what
// it accepted otherwise, down to zero; after kRest steps without drafts it tries again. Decides
// speed and never a result. Not thread-safe.
class Speculation {
 public:
  static constexpr std::size_t kLongest = 8;

  // Tokens to draft for the next step.
  std::size_t length() const { return length_; }

  // A step drafted `drafted` tokens, and the model chose the first `accepted` of them.
  void Learn(std::size_t drafted, std::size_t accepted);

 private:
  static constexpr std::size_t kRest = 32;  // steps without drafting before it tries again

  std::size_t length_ = 2;
  std::size_t resting_ = 0;
};

}  // namespace cascade::server
