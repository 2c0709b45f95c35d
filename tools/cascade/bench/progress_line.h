// Where a run's progress is shown.
#pragma once

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tools/cascade/console.h"

namespace cascade::cli::bench {

// On a terminal one line that is written over twice a second, and gone in the end; elsewhere, in
// a log, a line every ten seconds. On the error stream.
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
