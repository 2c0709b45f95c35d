// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/console.h"

#include <cstdlib>

#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

absl::string_view Environment(const char* name) {
  // Nobody else reads or writes the environment.  NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* const found = std::getenv(name);
  return found == nullptr ? "" : found;
}

}  // namespace

bool Console::TakesColors() const {
  return out_is_terminal && Environment("NO_COLOR").empty() && Environment("TERM") != "dumb";
}

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
