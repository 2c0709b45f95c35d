// SPDX-License-Identifier: Apache-2.0
// Counts of the server's as the messages have them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cascade::server {

// REQUIRES: `value` is one that the limits of GetModel allow, all of which are far below 2^32.
inline std::uint32_t ToUint32(std::size_t value) { return static_cast<std::uint32_t>(value); }

}  // namespace cascade::server
