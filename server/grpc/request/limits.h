// SPDX-License-Identifier: Apache-2.0
// Limits of a request's size. GetModel reports them.
#pragma once

#include <cstddef>

namespace cascade::server {

inline constexpr std::size_t kMaxTextBytes = 1 << 19;
inline constexpr std::size_t kMaxStopStrings = 16;
inline constexpr std::size_t kMaxStopStringBytes = 256;
inline constexpr std::size_t kMaxStopTokenIds = 64;
inline constexpr std::size_t kMaxCandidates = 20;
inline constexpr std::size_t kMaxCacheSaltBytes = 128;
inline constexpr int kMinPriority = -10;  // the highest is the operator's: ModelInfo::max_priority
inline constexpr float kMaxTemperature = 100.0F;

}  // namespace cascade::server
