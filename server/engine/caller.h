// SPDX-License-Identifier: Apache-2.0
// Whose a request is.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cascade::server {

// Callers take turns, and none may take all places. They are told apart by a number below kCallers
// that the transport makes of their names by a hash: so what the engine keeps of callers is a table
// of fixed size, however many there are. Two callers with one number share their turns, as in
// stochastic fairness queueing (McKenney 1990).
using Caller = std::uint8_t;
inline constexpr std::size_t kCallers = 256;

}  // namespace cascade::server
