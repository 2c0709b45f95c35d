// SPDX-License-Identifier: Apache-2.0
// Tells the operator which connections were refused, however many there are.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "server/listener/connection_table.h"

namespace cascade::server {

// Logs the first refusal at once, and those that follow at most every ten seconds, as one line with
// their number. Not for several threads.
class RefusalLog {
 public:
  // `now` is the time of a clock that only runs forward.
  void Add(Refusal why, const std::string& peer, absl::Duration now);

  // Logs what is due. Returns when it wants to be called again: InfiniteDuration if there is
  // nothing to log.
  absl::Duration Flush(absl::Duration now);

 private:
  std::uint64_t total_ = 0;
  std::uint64_t logged_ = 0;  // of total_
  Refusal last_reason_ = Refusal::kNone;
  std::string last_peer_;
  absl::Duration next_line_ = -absl::InfiniteDuration();
};

}  // namespace cascade::server
