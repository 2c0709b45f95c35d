// SPDX-License-Identifier: Apache-2.0
// Bounds how many lines of one kind the log has in a second.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// A token bucket for each kind of line: ten lines at once, five a second for long. Any thread.
class LogLimiter {
 public:
  // Asks for a line of `kind`, one of a bounded number. `now` is the time of a clock that only runs
  // forward. Returns nullopt if the line is to be left out, and else how many of its kind were left
  // out since the last one that was not.
  std::optional<std::uint64_t> Admit(absl::string_view kind, absl::Duration now)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  static constexpr double kBurst = 10;
  static constexpr double kEachSecond = 5;

  struct Bucket {
    double tokens = kBurst;
    absl::Duration filled;  // when `tokens` was computed
    std::uint64_t left_out = 0;
  };

  Mutex mu_;
  std::map<std::string, Bucket, std::less<>> buckets_ ABSL_GUARDED_BY(mu_);
};

}  // namespace cascade::server
