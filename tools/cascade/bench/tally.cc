// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/bench/tally.h"

#include "tools/cascade/status_text.h"

namespace cascade::cli::bench {

std::uint64_t Counts::Finished() const { return Succeeded() + Failed() + cancelled + interrupted; }

std::uint64_t Counts::Succeeded() const {
  const auto ok = ended_by_server.find(grpc::StatusCode::OK);
  return ok == ended_by_server.end() ? 0 : ok->second.count;
}

std::uint64_t Counts::Failed() const {
  std::uint64_t failed = 0;
  for (const auto& [code, ended] : ended_by_server) {
    if (code != grpc::StatusCode::OK) failed += ended.count;
  }
  return failed;
}

void Tally::OnStarted(Duration lag, bool slow_reader) {
  const absl::MutexLock lock(&mutex_);
  ++counts_.started;
  if (slow_reader) ++counts_.slow_readers;
  counts_.start_lag.Add(lag);
}

void Tally::OnPrompt(std::uint32_t prompt_tokens, std::uint32_t cached_tokens) {
  const absl::MutexLock lock(&mutex_);
  counts_.prompt_tokens += prompt_tokens;
  counts_.cached_tokens += cached_tokens;
}

void Tally::OnFirstTokens(std::uint32_t tokens, std::optional<Duration> since_start) {
  const absl::MutexLock lock(&mutex_);
  ++counts_.messages;
  counts_.generated_tokens += tokens;
  if (since_start) counts_.first_token.Add(*since_start);
}

void Tally::OnMoreTokens(std::uint32_t tokens, std::optional<Duration> since_last) {
  const absl::MutexLock lock(&mutex_);
  ++counts_.messages;
  counts_.generated_tokens += tokens;
  if (since_last) counts_.between_messages.Add(*since_last);
}

void Tally::OnEnded(const Outcome& outcome) {
  const absl::MutexLock lock(&mutex_);
  if (outcome.per_token) counts_.per_token.Add(*outcome.per_token);
  if (outcome.ended_by == EndedBy::kPlan) {
    ++counts_.cancelled;
    return;
  }
  if (outcome.ended_by == EndedBy::kInterrupt) {
    ++counts_.interrupted;
    return;
  }
  const grpc::StatusCode code = outcome.status.error_code();
  Ended& ended = counts_.ended_by_server[code];
  ++ended.count;
  if (code == grpc::StatusCode::OK) {
    counts_.answer_tokens += outcome.tokens;
    if (!outcome.slow_reader) counts_.whole_answer.Add(outcome.total);
    return;
  }
  if (ended.count == 1) ended.example = StatusText(outcome.status);
  if (code == grpc::StatusCode::RESOURCE_EXHAUSTED) counts_.refusal.Add(outcome.total);
}

Counts Tally::Snapshot() const {
  const absl::MutexLock lock(&mutex_);
  return counts_;
}

}  // namespace cascade::cli::bench
