// SPDX-License-Identifier: Apache-2.0
// The streams that a subcommand reads and writes.
#pragma once

#include <istream>
#include <ostream>

#include "absl/strings/string_view.h"

namespace cascade::cli {

// The three standard streams, borrowed. Tests give string streams.
struct Console {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool in_is_terminal = false;

  // Writes text that a model or a user made. A terminal gets it through Printable(); a file or a
  // pipe gets every byte. Flushes, so that the user sees streamed text as it arrives.
  void Write(absl::string_view text);

  // Whether `out` is a terminal that takes colours and whose user wants some: TERM and NO_COLOR
  // (https://no-color.org) tell.
  bool TakesColors() const;

  // Writes "cascade: ", the message through Printable(), and a newline to `err`.
  void Complain(absl::string_view message);
};

}  // namespace cascade::cli
