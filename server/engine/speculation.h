// How many tokens a sequence drafts ahead.
#pragma once

#include <cstddef>

namespace cascade::server {

// Grows with drafts that were right and shrinks with those that were not, down to nothing; then it
// tries again after a while. Decides speed and never a result. Not thread-safe.
class Speculation {
 public:
  // Tokens to draft for the next step.
  std::size_t length() const { return length_; }

  // What became of a step that drafted `drafted` tokens, of which the model chose `accepted`.
  void Learn(std::size_t drafted, std::size_t accepted);

 private:
  static constexpr std::size_t kLongest = 8;
  static constexpr std::size_t kRest = 32;  // steps without drafting before it tries again

  std::size_t length_ = 2;
  std::size_t resting_ = 0;
};

}  // namespace cascade::server
