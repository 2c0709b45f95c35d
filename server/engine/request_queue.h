// SPDX-License-Identifier: Apache-2.0
// The queue between the transport's threads and the worker.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/engine/caller.h"
#include "server/engine/generation_request.h"
#include "server/engine/mutex.h"

namespace cascade::server {

struct QueuedRequest {
  GenerationRequest request;
  absl::Time submitted;
};

// A bounded queue in two halves: arrivals, to which any thread appends under the lock, and the
// waiting line, which only the worker's thread uses, so that it can poll sinks with no lock held.
// Receive moves the arrivals to the end of the waiting line. Both are lists, so that a request is
// moved once, and nothing is allocated under the lock or on the worker's thread.
//
// The next in line, for each caller, is its request of the highest priority; among equals, the
// first to arrive. Each `ageing` of waiting raises a request's priority by one, so that none waits
// for ever.
//
// Between callers the next in line is again that of the highest priority, but raised only by the
// time since its caller was last served: else who fills the queue would be ahead of all who come
// later. Among equals the callers take turns.
class RequestQueue {
 public:
  struct Options {
    std::size_t max_requests = 0;  // both halves together
    std::size_t max_tokens = 0;    // of all prompts; a longer prompt may wait alone
    absl::Duration ageing = absl::InfiniteDuration();
  };
  explicit RequestQueue(const Options& options) : options_(options) {}

  // ---- Any thread.

  // Appends `request`, or returns an error and leaves it as it is: RESOURCE_EXHAUSTED if the queue
  // is full (unless the request `follows`) or there is no memory, Close's status if it is closed.
  // Never waits.
  absl::Status TryPush(QueuedRequest& request) ABSL_LOCKS_EXCLUDED(mu_);

  // Refuses with `why` from now on, and wakes the worker. The first call counts.
  void Close(absl::Status why) ABSL_LOCKS_EXCLUDED(mu_);

  // Between the two, requests that follow may come: the queue takes them though it is closed, and
  // Receive does not tell its end.
  void Expect() ABSL_LOCKS_EXCLUDED(mu_);
  void ExpectNoMore() ABSL_LOCKS_EXCLUDED(mu_);

  // Ends a Receive that waits, now or the next time.
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);

  std::size_t max_requests() const { return options_.max_requests; }

  // Of both halves.
  struct Size {
    std::size_t requests = 0;
    std::size_t prompt_tokens = 0;
    std::size_t choices = 0;
    std::size_t new_tokens = 0;  // the most that these choices can generate
  };
  Size size() const ABSL_LOCKS_EXCLUDED(mu_);

  // Of what would be served before a new request of `caller`, if all have the same priority: all
  // that the caller has in line, and of each other caller as many requests, at most, as that makes
  // turns.
  Size SizeAhead(Caller caller) const ABSL_LOCKS_EXCLUDED(mu_);

  // ---- The worker's thread.

  // How long Receive may sleep while the queue is empty. kBriefly, some ten milliseconds, is for a
  // caller that must check clocks meanwhile.
  enum class Wait { kNo, kBriefly, kUntilSomethingHappens };

  // Takes in what has arrived. False once the queue is closed and empty and nothing is expected: no
  // request will come.
  bool Receive(Wait wait) ABSL_LOCKS_EXCLUDED(mu_);

  // The next in line at `now`; null if the line is empty. It stays in line until Pop.
  QueuedRequest* Next(absl::Time now);

  // Removes the request that Next returned last. It may have been moved from.
  void Pop() ABSL_LOCKS_EXCLUDED(mu_);

  // Removes the requests for which `gone` is true; the others keep their order.
  void RemoveIf(absl::FunctionRef<bool(const QueuedRequest&)> gone) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // What the worker's thread knows of one caller.
  struct Turn {
    std::uint64_t number = 0;  // of its last turn; 0: it had none
    absl::Time taken = absl::InfinitePast();
  };

  // Whether `a` goes before `b`, which is of another caller.
  bool GoesBefore(const QueuedRequest& a, const QueuedRequest& b, absl::Time now) const;

  void Left(Caller caller, const Size& left) ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  std::list<QueuedRequest> waiting_;  // the worker's, in order of arrival
  std::list<QueuedRequest>::iterator next_ = waiting_.end();
  Size next_size_;  // of it alone
  Caller next_caller_ = 0;
  absl::Time next_time_;  // when Next chose it
  std::array<Turn, kCallers> turns_;
  std::uint64_t turns_taken_ = 0;

  mutable Mutex mu_;
  std::condition_variable_any changed_;
  std::list<QueuedRequest> arrivals_ ABSL_GUARDED_BY(mu_);
  Size size_ ABSL_GUARDED_BY(mu_);
  std::array<Size, kCallers> sizes_ ABSL_GUARDED_BY(mu_);  // of each caller's; size_ is their sum
  absl::Status closed_ ABSL_GUARDED_BY(mu_);               // OK: open
  std::size_t expected_ ABSL_GUARDED_BY(mu_) = 0;          // Expect without its ExpectNoMore
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace cascade::server
