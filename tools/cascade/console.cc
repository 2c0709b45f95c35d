// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/console.h"

#include "tools/cascade/text.h"

namespace cascade::cli {

void Console::Write(absl::string_view text) {
  if (out_is_terminal) {
    out << Printable(text) << std::flush;
  } else {
    out << text << std::flush;
  }
}

void Console::Complain(absl::string_view message) {
  err << "cascade: " << Printable(message) << '\n' << std::flush;
}

}  // namespace cascade::cli
