// SPDX-License-Identifier: Apache-2.0
// The subcommands. Each is implemented in the .cc file that has its name.
#pragma once

#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "tools/cascade/command.h"

namespace cascade::cli {

// Default of --timeout where a call generates: it may wait in the server's queue for minutes.
inline constexpr absl::Duration kGenerationTimeout = absl::Minutes(10);

std::unique_ptr<Command> MakeGenerateCommand();
std::unique_ptr<Command> MakeEmbedCommand();
std::unique_ptr<Command> MakeScoreCommand();
std::unique_ptr<Command> MakeReplCommand();  // repl/repl.cc
std::unique_ptr<Command> MakeReplayCommand();
std::unique_ptr<Command> MakeTokenizeCommand();
std::unique_ptr<Command> MakeDetokenizeCommand();
std::unique_ptr<Command> MakeModelCommand();
std::unique_ptr<Command> MakeHealthCommand();
std::unique_ptr<Command> MakeStatusCommand();
std::unique_ptr<Command> MakeAbortCommand();
std::unique_ptr<Command> MakeBenchCommand();  // bench/bench.cc
std::unique_ptr<Command> MakeCheckCommand();  // check/check.cc

using Commands = std::vector<std::unique_ptr<Command>>;

// Completes `commands`, which it borrows and which may get this one too.
std::unique_ptr<Command> MakeCompletionCommand(const Commands& commands);

}  // namespace cascade::cli
