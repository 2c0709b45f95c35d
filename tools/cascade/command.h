// SPDX-License-Identifier: Apache-2.0
// The interface of a subcommand, and the function that runs one on its command line.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tools/cascade/connection.h"
#include "tools/cascade/console.h"
#include "tools/cascade/exit_code.h"
#include "tools/cascade/flags.h"

namespace cascade::cli {

// One subcommand. An object serves one run: call AddFlags, then Run.
class Command {
 public:
  struct Description {
    absl::string_view name;
    absl::string_view arguments;  // "TEXT"; empty if it takes none
    absl::string_view summary;    // one line
    absl::string_view details;    // the rest of the help text; examples come last
    bool calls_server = true;     // false: the subcommand has no --server and no --timeout
    absl::Duration timeout = absl::Seconds(30);  // default of --timeout
  };

  virtual ~Command() = default;

  virtual Description description() const = 0;

  // Adds the subcommand's own flags. Their targets are members of the subcommand.
  virtual void AddFlags(Flags& flags) = 0;

  // Runs the subcommand. Results and errors are written to `console` before Run returns.
  virtual ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
                       Console& console) = 0;

  // Writes what is wrong with the command line, and how to get help; returns kUsage.
  ExitCode UsageError(absl::string_view message, Console& console) const;
};

// The values of the flags that not only one subcommand has.
struct CommonValues {
  CallOptions call;
  bool help = false;
};

// The flags of `command`: its own, those of every subcommand that calls a server (--server,
// --timeout), and those that every subcommand has (--json, --help). Borrows both arguments.
Flags FlagsOf(Command& command, CommonValues& values);

// Runs `command` on its part of the command line.
ExitCode RunCommand(Command& command, std::span<const std::string> args, Console& console);

}  // namespace cascade::cli
