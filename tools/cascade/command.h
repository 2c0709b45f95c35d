// What a subcommand is, and the way from a command line to it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/cascade/connection.h"
#include "tools/cascade/console.h"
#include "tools/cascade/exit_code.h"
#include "tools/cascade/flags.h"

namespace cascade::cli {

// One subcommand, used for one run: AddFlags, then Run.
class Command {
 public:
  struct Description {
    absl::string_view name;
    absl::string_view arguments;  // "TEXT"; empty if it takes none
    absl::string_view summary;    // one line
    absl::string_view details;    // what else help says, examples last
    bool calls_server = true;     // if not, there is no --server and no --timeout
  };

  virtual ~Command() = default;

  virtual Description description() const = 0;

  // Adds the flags that are its own; the targets are its members.
  virtual void AddFlags(Flags& flags) = 0;

  // Does it, and has told the user by the time it returns.
  virtual ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
                       Console& console) = 0;

  // Says what is wrong with the command line, and where help is.
  ExitCode UsageError(absl::string_view message, Console& console) const;
};

// Runs `command` on its part of the command line. Adds the flags that every subcommand has (--json,
// --help), and those of every subcommand that calls a server (--server, --timeout).
ExitCode RunCommand(Command& command, std::span<const std::string> args, Console& console);

}  // namespace cascade::cli
