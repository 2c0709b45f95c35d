// SPDX-License-Identifier: Apache-2.0
// Which instruction set the kernels run on. All of them compute the same bits; this is for logs,
// and for the tests that prove it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace cascade::model::kernels {

// The target in use: "avx512", "avx2", "neon" or "scalar".
std::string SimdTargetName();

// Every target that this build has and this CPU can run, best first; the last is "scalar", plain
// C++ with std::fma.
std::vector<std::string> SupportedSimdTargets();

// Makes all later kernel calls of the process use `name`; "auto" goes back to the best.
// INVALID_ARGUMENT for a name that SupportedSimdTargets() does not list. Not thread-safe: call it
// while no kernel runs.
absl::Status SetSimdTarget(absl::string_view name);

}  // namespace cascade::model::kernels
