// SPDX-License-Identifier: Apache-2.0
// Counts and measures while a load runs.
#pragma once

#include <grpcpp/support/status.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tools/cascade/bench/histogram.h"

namespace cascade::cli::bench {

// Why a call ended.
enum class EndedBy {
  kServer,     // the server, the connection or the deadline; the status code tells which
  kPlan,       // this client cancelled it, as planned
  kInterrupt,  // this client gave up: Ctrl-C
};

// Requests that ended with the same code.
struct Ended {
  std::uint64_t count = 0;
  std::string example;  // the first one's status; empty if OK
};

// All counts at one moment. Slow readers are in every count but in no histogram of answers, where
// they would measure their own delays.
struct Counts {
  std::uint64_t started = 0;
  std::map<grpc::StatusCode, Ended> ended_by_server;
  std::uint64_t cancelled = 0;    // as planned
  std::uint64_t interrupted = 0;  // by Ctrl-C
  std::uint64_t slow_readers = 0;

  std::uint64_t prompt_tokens = 0;  // of requests that the model started on
  std::uint64_t cached_tokens = 0;  // of prompt_tokens, found in the prefix cache
  std::uint64_t generated_tokens = 0;
  std::uint64_t answer_tokens = 0;  // of generated_tokens, in answers that ended with OK
  std::uint64_t messages = 0;       // that brought generated tokens

  Histogram start_lag;         // how late this client itself started calls
  Histogram first_token;       // from a request's time to the first message with a token
  Histogram between_messages;  // from one message with tokens to the next
  Histogram per_token;         // one a request: the mean time of a token after the first message
  Histogram whole_answer;      // from a request's time to OK
  Histogram refusal;           // from a request's time to RESOURCE_EXHAUSTED

  std::uint64_t Finished() const;
  std::uint64_t InFlight() const { return started - Finished(); }
  std::uint64_t Succeeded() const;

  // Requests that ended with an error, not counting those that this client cancelled.
  std::uint64_t Failed() const;
};

// The outcome of one request, counted when it ends.
struct Outcome {
  grpc::Status status;
  EndedBy ended_by = EndedBy::kServer;
  bool slow_reader = false;
  std::uint32_t tokens = 0;
  std::chrono::nanoseconds total{0};  // from the request's time to its end
  std::optional<std::chrono::nanoseconds> per_token;
};

// Sums up outcomes. Thread-safe. Durations that are absent are not counted.
class Tally {
 public:
  using Duration = std::chrono::nanoseconds;

  void OnStarted(Duration lag, bool slow_reader);
  void OnPrompt(std::uint32_t prompt_tokens, std::uint32_t cached_tokens);
  void OnFirstTokens(std::uint32_t tokens, std::optional<Duration> since_start);
  void OnMoreTokens(std::uint32_t tokens, std::optional<Duration> since_last);
  void OnEnded(const Outcome& outcome);

  Counts Snapshot() const;

 private:
  mutable absl::Mutex mutex_;
  Counts counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cascade::cli::bench
