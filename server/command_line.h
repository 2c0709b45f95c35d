// SPDX-License-Identifier: Apache-2.0
// The command line before Abseil parses it, whose own words for what is wrong name no remedy, and
// end the process.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace cascade::server {

// The arguments of the command line, the program's name first, with flags' names as Abseil knows
// them (--max-queued becomes --max_queued), a flag's value behind its name, and the lines of a file
// of --flagfile in the file's place. Such a line is one flag; an empty one and one that begins with
// # are none. If no --flagfile is given, the flags of the file that CASCADE_FLAGFILE names in the
// environment come before all others. In the place of --fromenv=NAME is the flag NAME, with the
// value of the variable FLAGS_NAME; so of --tryfromenv, unless there is no such variable.
//
// INVALID_ARGUMENT if there is no flag of some name, with the one that is written most alike; if a
// switch is neither on nor off; if a value is missing, or the variable of a --fromenv; or if a file
// cannot be read, reads itself or is no text. What is wrong in a file is told with its name and the
// line's number.
//
// Sets no flag.
absl::StatusOr<std::vector<std::string>> ReadArguments(int argc, const char* const* argv);

// True if the command line asks for help.
bool WantsHelp(int argc, const char* const* argv);

}  // namespace cascade::server
