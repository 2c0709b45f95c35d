// SPDX-License-Identifier: Apache-2.0
// The hash of all weights, and the counts of odd ones among them, in one pass over their bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "model/weights/elements.h"
#include "model/weights/stored_tensor.h"

struct XXH3_state_s;  // of xxhash.h

namespace cascade::model {

// Hashes tensors and counts their NaNs and infinities.
//
// The hash is XXH3-128 over name, dtype, shape and bytes of each tensor in the order of the calls:
// how the tensors are spread over files, and in which order they lie there, does not change it. It
// tells one model from another; it is no defence against somebody who wants two models to look the
// same.
//
// Cost: reads each byte once from memory.
class WeightsDigest {
 public:
  WeightsDigest();

  // `type` is the row of tensor.dtype.
  void Add(absl::string_view name, const StoredTensor& tensor, const StoredType& type);

  // Adds a text to the hash: for the numbers of the configuration, which no tensor tells.
  void AddText(absl::string_view text);

  std::string Hex() const;  // 32 lower-case hexadecimal digits, the same on every machine
  const ElementCounts& counts() const { return counts_; }

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };

  void AddNumber(std::size_t number);

  std::unique_ptr<XXH3_state_s, Free> state_;
  ElementCounts counts_;
};

}  // namespace cascade::model
