// SPDX-License-Identifier: Apache-2.0
// The command line before Abseil parses it, whose own words for what is wrong name no remedy, and
// end the process.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace cascade::server {

// The arguments of the command line, the program's name first, with flags' names as Abseil knows
// them:
// --max-queued becomes --max_queued. INVALID_ARGUMENT if there is no flag of some name, with the
// one that is written most alike, or if a switch is neither on nor off.
//
// Sets no flag. What files of --flagfile hold is not looked at.
absl::StatusOr<std::vector<std::string>> ReadArguments(int argc, const char* const* argv);

// True if the command line asks for help.
bool WantsHelp(int argc, const char* const* argv);

}  // namespace cascade::server
