// SPDX-License-Identifier: Apache-2.0
// The subcommands. Each is implemented in the .cc file that has its name.
#pragma once

#include <memory>

#include "tools/cascade/command.h"

namespace cascade::cli {

std::unique_ptr<Command> MakeGenerateCommand();
std::unique_ptr<Command> MakeTokenizeCommand();
std::unique_ptr<Command> MakeDetokenizeCommand();
std::unique_ptr<Command> MakeModelCommand();
std::unique_ptr<Command> MakeHealthCommand();
std::unique_ptr<Command> MakeBenchCommand();  // bench/bench.cc
std::unique_ptr<Command> MakeCheckCommand();  // check/check.cc

}  // namespace cascade::cli
