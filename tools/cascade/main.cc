// SPDX-License-Identifier: Apache-2.0
// cascade: the command-line client of cascade-server.
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cascade/version.h"
#include "spelling/suggestion.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

void AddCommands(Commands& commands) {
  commands.push_back(MakeGenerateCommand());
  commands.push_back(MakeEmbedCommand());
  commands.push_back(MakeScoreCommand());
  commands.push_back(MakeReplCommand());
  commands.push_back(MakeReplayCommand());
  commands.push_back(MakeTokenizeCommand());
  commands.push_back(MakeDetokenizeCommand());
  commands.push_back(MakeModelCommand());
  commands.push_back(MakeHealthCommand());
  commands.push_back(MakeStatusCommand());
  commands.push_back(MakeAbortCommand());
  commands.push_back(MakeBenchCommand());
  commands.push_back(MakeCheckCommand());
  commands.push_back(MakeCompletionCommand(commands));
}

std::string HelpText(const Commands& commands) {
  std::string help = "cascade COMMAND [flags]: asks a cascade-server, or checks a model.\n\n";
  for (const auto& command : commands) {
    const Command::Description about = command->description();
    absl::StrAppendFormat(&help, "  %-11s %s\n", about.name, about.summary);
  }
  return absl::StrCat(
      help, "\n`cascade help COMMAND` shows its flags and examples; `cascade --version` the ",
      "version.\n\n",
      "Exit status: 0 done; 1 the call or the check failed; 2 the command line is wrong; ",
      "130 interrupted.\n");
}

// Runs the command of that name with the arguments behind it.
ExitCode RunNamed(const Commands& commands, const std::string& name,
                  std::span<const std::string> args, Console& console) {
  for (const auto& command : commands) {
    if (command->description().name == name) return RunCommand(*command, args, console);
  }
  if (!name.empty()) {
    std::vector<std::string> names = {"help"};
    for (const auto& command : commands) names.emplace_back(command->description().name);
    console.Complain(
        absl::StrCat("there is no command \"", name, "\"", Suggestion(name, names, "")));
  }
  console.err << HelpText(commands);
  return ExitCode::kUsage;
}

// The help of every command, for the manual page.
ExitCode HelpOfAll(const Commands& commands, Console& console) {
  console.out << HelpText(commands);
  const std::vector<std::string> help = {"--help"};
  for (const auto& command : commands) {
    console.out << "\n\n== ";  // then "cascade NAME [flags]"
    RunCommand(*command, help, console);
  }
  return ExitCode::kOk;
}

ExitCode Main(std::span<const std::string> args, Console& console) {
  Commands commands;
  AddCommands(commands);
  for (const std::string& arg : args) {
    if (IsUtf8(arg)) continue;
    console.Complain(absl::StrCat("an argument is not UTF-8: ", Quoted(arg)));
    return ExitCode::kUsage;
  }
  const std::string name = args.empty() ? "" : args.front();
  if (name == "--version") {
    console.out << "cascade " << kVersionAndCommit << '\n';
    return ExitCode::kOk;
  }
  if (name == "help" && args.size() == 2 && args[1] == "--all") return HelpOfAll(commands, console);
  if (name == "help" && args.size() > 1) {
    const std::vector<std::string> help = {"--help"};
    return RunNamed(commands, args[1], help, console);
  }
  if (name == "--help" || name == "-h" || name == "help") {
    console.out << HelpText(commands);
    return ExitCode::kOk;
  }
  return RunNamed(commands, name, args.subspan(args.empty() ? 0 : 1), console);
}

}  // namespace
}  // namespace cascade::cli

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  cascade::cli::Console console{std::cin,
                                std::cout,
                                std::cerr,
                                isatty(STDOUT_FILENO) == 1,
                                isatty(STDERR_FILENO) == 1,
                                isatty(STDIN_FILENO) == 1};
  // gRPC has its own words for what Connection::Explain says. NOLINTNEXTLINE(concurrency-mt-unsafe)
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  try {
    return static_cast<int>(cascade::cli::Main(args, console));
  } catch (const std::exception& error) {
    console.Complain(error.what());
    return static_cast<int>(cascade::cli::ExitCode::kFailed);
  }
}
