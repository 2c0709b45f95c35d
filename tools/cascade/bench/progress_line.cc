// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/bench/progress_line.h"

namespace cascade::cli::bench {
namespace {

constexpr absl::string_view kEraseLine = "\r\x1b[K";

}  // namespace

void ProgressLine::Show(absl::string_view text) {
  if (console_.err_is_terminal) {
    console_.err << kEraseLine << text << std::flush;
  } else {
    console_.err << text << '\n' << std::flush;
  }
}

void ProgressLine::Clear() {
  if (console_.err_is_terminal) console_.err << kEraseLine << std::flush;
}

}  // namespace cascade::cli::bench
