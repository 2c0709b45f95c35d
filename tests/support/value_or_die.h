// SPDX-License-Identifier: Apache-2.0
// For what a test cannot do without.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/status/statusor.h"

namespace cascade::testing {

// The value; if there is none, prints why and ends the test binary.
template <typename T>
T ValueOrDie(absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  std::fprintf(stderr, "%s\n", value.status().ToString().c_str());
  std::abort();
}

}  // namespace cascade::testing
