// SPDX-License-Identifier: Apache-2.0
// One answer from several servers, whichever of them lives.
#pragma once

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "cascade/v1/text_generation.pb.h"
#include "client/answer_progress.h"
#include "client/replicas.h"

namespace cascade::client {

struct StreamOptions {
  absl::Duration timeout = absl::InfiniteDuration();  // of the whole answer

  // If no token has come by then, a second replica is asked too; the one whose first token comes
  // first goes on, and the other call is cancelled.
  absl::Duration hedge_after = absl::InfiniteDuration();
};

// A GenerateStream call that outlives the server that it began on. When a stream breaks off (the
// server was killed, drained, or cannot be reached), it goes on at exactly the next token on
// another replica, or on the same one when it is back; whoever listens cannot tell. A replica that
// is full is passed over for another, and if all are, the one that says so is asked again after the
// time that it names. Used once.
class UnbrokenStream {
 public:
  using OnEvent = absl::FunctionRef<void(const v1::GenerateEvent&)>;

  // How often there was need of it.
  struct Stats {
    std::size_t breaks = 0;   // streams that broke off after something had come of the answer
    std::size_t retries = 0;  // calls that failed before that
    std::size_t hedges = 0;   // second replicas that were asked
  };

  // Borrows `replicas`.
  UnbrokenStream(Replicas& replicas, v1::GenerateRequest request, const StreamOptions& options);

  // Makes the calls, in its caller's thread, and gives the events of the answer to `on_event` in
  // order. Returns OK if the answer is whole; else the status of the last call, once
  //   - it says what no other replica would say otherwise (INVALID_ARGUMENT, DEADLINE_EXCEEDED,
  //   ...)
  //   - or calls failed eight times in a row without an event; with one replica alone, already if
  //     the first call brings nothing.
  grpc::Status Run(OnEvent on_event);

  // Any thread: Run returns CANCELLED, soon.
  void Cancel();

  const Stats& stats() const { return stats_; }  // after Run

 private:
  class Attempt;
  class Contest;

  bool GoesOn(const grpc::Status& status, std::size_t events_before);
  // What to wait before the next attempt, after `failures` in a row.
  void Pause(std::size_t failures);

  bool cancelled();

  Replicas& replicas_;
  const absl::Time deadline_;
  const absl::Duration hedge_after_;
  AnswerProgress progress_;
  std::vector<std::size_t> order_;
  std::size_t turn_ = 0;  // place in order_ of the replica that is asked next
  std::size_t failures_ = 0;
  absl::Duration pushback_;  // that the last refusal asked for
  Stats stats_;
  std::mutex mu_;  // guards what follows
  std::condition_variable cancel_;
  bool cancelled_ = false;
  std::vector<grpc::ClientContext*> calls_;  // that are open
};

}  // namespace cascade::client
