// SPDX-License-Identifier: Apache-2.0

#include "server/listener/refusal_log.h"

#include "absl/strings/string_view.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

constexpr absl::Duration kBetweenLines = absl::Seconds(10);

absl::string_view Text(Refusal why) {
  switch (why) {
    case Refusal::kTotal:
      return "--max_connections";
    case Refusal::kPeer:
      return "--max_connections_per_peer";
    case Refusal::kMemory:
      return "memory";
    case Refusal::kResources:
      return "file descriptors or memory";
    case Refusal::kNone:
      break;
  }
  return "";
}

}  // namespace

void RefusalLog::Add(Refusal why, const std::string& peer, absl::Duration now) {
  ++total_;
  last_reason_ = why;
  last_peer_ = peer;
  Flush(now);
}

absl::Duration RefusalLog::Flush(absl::Duration now) {
  if (logged_ == total_) return absl::InfiniteDuration();
  if (now < next_line_) return next_line_;
  Log(LogLevel::kWarning, "connections refused",
      {{"used_up", Text(last_reason_)},
       {"peer", last_peer_},
       {"refused", total_ - logged_},
       {"refused_since_start", total_}});
  logged_ = total_;
  next_line_ = now + kBetweenLines;
  return absl::InfiniteDuration();
}

}  // namespace cascade::server
