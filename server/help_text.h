// SPDX-License-Identifier: Apache-2.0
// What --help prints.
#pragma once

#include <string>

namespace cascade::server {

// Every flag of flags.cc, its default and what it does, in groups.
std::string HelpText();

}  // namespace cascade::server
