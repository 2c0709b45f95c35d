// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/command.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace cascade::cli {
namespace {

std::string HelpText(const Command::Description& about, const Flags& flags) {
  return absl::StrCat("cascade ", about.name, " [flags]", about.arguments.empty() ? "" : " ",
                      about.arguments, "\n\n", about.summary, "\n", about.details, "\nFlags:\n",
                      flags.Help());
}

}  // namespace

ExitCode Command::UsageError(absl::string_view message, Console& console) const {
  const absl::string_view name = description().name;
  console.Complain(
      absl::StrCat(name, ": ", message, "\nRun `cascade ", name, " --help` for its flags."));
  return ExitCode::kUsage;
}

Flags FlagsOf(Command& command, CommonValues& values) {
  CallOptions& options = values.call;
  Flags flags;
  command.AddFlags(flags);
  if (command.description().calls_server) {
    flags.Add("server", "HOST:PORT", "where the server is ($CASCADE_SERVER, else localhost:50051)",
              &options.server);
    options.timeout = command.description().timeout;
    flags.Add("timeout", "TIME",
              absl::StrCat("give up a call after this long, such as 30s or 2m; 0 is never (",
                           absl::FormatDuration(options.timeout), ")"),
              &options.timeout);
  }
  flags.Add("json", "", "print the answer as JSON, one object a line", &options.json);
  flags.Add("help", "", "print this", &values.help);
  return flags;
}

ExitCode RunCommand(Command& command, std::span<const std::string> args, Console& console) {
  CommonValues values;
  CallOptions& options = values.call;
  // Nobody else reads or writes the environment.  NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* server = std::getenv("CASCADE_SERVER");
  if (server != nullptr) options.server = server;
  const Flags flags = FlagsOf(command, values);
  const absl::StatusOr<std::vector<std::string>> arguments = flags.Parse(args);
  if (!arguments.ok()) return command.UsageError(arguments.status().message(), console);
  if (options.timeout < absl::ZeroDuration()) {
    return command.UsageError("--timeout: must not be negative", console);
  }
  if (options.timeout == absl::ZeroDuration()) options.timeout = absl::InfiniteDuration();
  if (values.help) {
    console.out << HelpText(command.description(), flags);
    return ExitCode::kOk;
  }
  const ExitCode code = command.Run(*arguments, options, console);
  if (code == ExitCode::kOk && !console.out) {
    console.Complain("standard output cannot be written");
    return ExitCode::kFailed;
  }
  return code;
}

}  // namespace cascade::cli
