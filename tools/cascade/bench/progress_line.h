// SPDX-License-Identifier: Apache-2.0
// Shows the progress of a run.
#pragma once

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tools/cascade/console.h"

namespace cascade::cli::bench {

// Writes to the error stream: on a terminal one line that is rewritten twice a second and erased at
// the end; elsewhere, such as in a log, one line every ten seconds.
class ProgressLine {
 public:
  explicit ProgressLine(Console& console) : console_(console) {}

  absl::Duration interval() const {
    return console_.err_is_terminal ? absl::Milliseconds(500) : absl::Seconds(10);
  }

  void Show(absl::string_view text);
  void Clear();

 private:
  Console& console_;
};

}  // namespace cascade::cli::bench
