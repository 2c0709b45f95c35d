// SPDX-License-Identifier: Apache-2.0
// Connections that do not speak gRPC.
#pragma once

#include <cstdint>
#include <random>

namespace cascade::testing {

// Connects to the loopback port, sends what is not, or only begins as, HTTP/2, holds the connection
// for at most `hold_ms` and drops it without a word. Whether it can connect does not matter.
void SendGarbage(std::uint16_t port, std::uint32_t hold_ms, std::mt19937_64& rng);

}  // namespace cascade::testing
