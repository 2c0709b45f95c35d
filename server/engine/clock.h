// SPDX-License-Identifier: Apache-2.0
// The time by which the server measures and ends things.
#pragma once

#include "absl/time/time.h"

namespace cascade::server {

// The time since some moment, as an absl::Time that only runs forward: a step of the machine's
// clock ends no call and prolongs none. It was the time of day when the process first asked, and
// may differ from it since; so only differences of such times mean something. From any thread.
absl::Time MonotonicNow();

}  // namespace cascade::server
