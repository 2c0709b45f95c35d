// SPDX-License-Identifier: Apache-2.0
// Which integer unit the integer dots run on. All of them have the same results, to the bit: this
// is for logs, and for the tests that prove it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace cascade::model::kernels {

struct IntegerUnit;

// The unit in use: the best that this build and this CPU have and that goes with the SIMD target in
// use ("scalar" goes with "plain" only), unless SetIntegerUnit has chosen.
const IntegerUnit& IntegerUnitInUse();
std::string IntegerUnitName();

// Every unit that this build has and this CPU can run, best first: of "amx_int8", "avx512_vnni",
// "avx_vnni", "avx2", "neon_dot", and always "plain", plain C++. The first call compares what each
// computes with the plain one, in a few milliseconds.
std::vector<std::string> SupportedIntegerUnits();

// The units that this CPU should be able to run and that computed something else when they were
// compared. They are not used. Empty on every CPU that we know of.
std::vector<std::string> WrongIntegerUnits();

// Makes all later products of the process use unit `name`, whatever the SIMD target; "auto" goes
// back to the best. INVALID_ARGUMENT for a name that SupportedIntegerUnits() does not list. Not
// thread-safe: call it while no kernel runs.
absl::Status SetIntegerUnit(std::string_view name);

// The same for a unit that is not listed, for its test. It must outlive its use.
void SetIntegerUnit(const IntegerUnit& unit);

}  // namespace cascade::model::kernels
