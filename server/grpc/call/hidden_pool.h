// SPDX-License-Identifier: Apache-2.0
// From the hidden states of a prompt to the vectors that are told of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/mat_view.h"

namespace cascade::server {

enum class Pooling : std::uint8_t {
  kLast,    // the last token's
  kMean,    // the mean of all
  kTokens,  // each token's
};

// Gathers hidden states as they come and makes one vector of them, or one for each token. The
// result does not depend on how the rows were cut: the mean is summed in double precision, token by
// token. Not thread-safe.
class HiddenPool {
 public:
  // `normalize`: divide each vector by its Euclidean length.
  HiddenPool(Pooling pooling, bool normalize) : pooling_(pooling), normalize_(normalize) {}

  // The next rows, [tokens, n_embd]. May throw std::bad_alloc.
  void Add(model::ConstMatF rows);

  // The vectors, one behind the other, [vectors, n_embd]; leaves none. May throw std::bad_alloc.
  std::vector<float> Take();

  // Numbers in one vector; 0 before the first row.
  std::size_t n_embd() const { return n_embd_; }

 private:
  Pooling pooling_;
  bool normalize_;
  std::size_t n_embd_ = 0;
  std::size_t rows_ = 0;
  std::vector<float> values_;
  std::vector<double> sums_;  // [n_embd], for the mean
};

}  // namespace cascade::server
