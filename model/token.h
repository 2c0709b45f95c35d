// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace cascade::model {

// An index into the vocabulary: [0, vocab_size).
using TokenId = std::uint32_t;

}  // namespace cascade::model
