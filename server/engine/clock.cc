// SPDX-License-Identifier: Apache-2.0

#include "server/engine/clock.h"

#include <chrono>

#include "absl/time/clock.h"

namespace cascade::server {

absl::Time MonotonicNow() {
  using SteadyClock = std::chrono::steady_clock;
  struct Beginning {
    absl::Time time = absl::Now();
    SteadyClock::time_point steady = SteadyClock::now();
  };
  static const Beginning beginning;
  return beginning.time + absl::FromChrono(SteadyClock::now() - beginning.steady);
}

}  // namespace cascade::server
