// SPDX-License-Identifier: Apache-2.0
// The time of day, which some messages tell. Nothing is decided by it: see engine/clock.h.
#pragma once

#include <chrono>

#include "absl/time/time.h"

namespace cascade::server {

inline absl::Time TimeOfDay() { return absl::FromChrono(std::chrono::system_clock::now()); }

inline double SecondsSince1970() { return absl::ToDoubleSeconds(TimeOfDay() - absl::UnixEpoch()); }

}  // namespace cascade::server
