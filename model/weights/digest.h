// SPDX-License-Identifier: Apache-2.0
// What is said about the weights as a whole, in one pass over their bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "model/kernels/element_types.h"
#include "model/weights/safetensors.h"

struct XXH3_state_s;  // of xxhash.h

namespace cascade::model {

// Hashes tensors and counts their NaNs.
//
// The hash is XXH3-128 over name, dtype, shape and bytes of each tensor in the order of the calls:
// it does not see how tensors are spread over files or in which order they lie there. It tells one
// model from another; it is no defence against somebody who wants two to look the same.
//
// Cost: reads each byte once from memory.
class WeightsDigest {
 public:
  WeightsDigest();

  // `type` is what tensor.dtype stands for.
  void Add(absl::string_view name, const StoredTensor& tensor, kernels::ElementType type);

  // What the tensors alone do not tell: the numbers of the model's configuration.
  void AddText(absl::string_view text);

  std::string Hex() const;  // 32 lower-case hexadecimal digits, the same on every machine
  std::size_t nan_count() const { return nan_count_; }

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };

  void AddNumber(std::size_t number);

  std::unique_ptr<XXH3_state_s, Free> state_;
  std::size_t nan_count_ = 0;
};

}  // namespace cascade::model
