// The line between the transport's threads and the worker.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <list>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/engine/generation_request.h"
#include "server/engine/mutex.h"

namespace cascade::server {

struct QueuedRequest {
  GenerationRequest request;
  absl::Time submitted;
};

// A bounded line in two halves: arrivals, which any thread appends to under the lock, and the
// waiting line, which is the worker's alone, so that it can look at sinks with no lock held.
// Receive moves the one to the end of the other. Both are lists, so that a request is moved once,
// and nothing is allocated under the lock or on the worker's thread.
//
// The next in line is the one of the highest priority, and of those the first that came. Waiting
// raises a request's priority by one in each `ageing`, so that none waits for ever.
class RequestQueue {
 public:
  struct Options {
    std::size_t max_requests = 0;  // both halves together
    std::size_t max_tokens = 0;    // of their prompts; one that is longer may wait alone
    absl::Duration ageing = absl::InfiniteDuration();
  };
  explicit RequestQueue(const Options& options) : options_(options) {}

  // ---- Any thread.

  // Appends `request`, or leaves it as it is: RESOURCE_EXHAUSTED if the queue is full or there is
  // no memory, Close's status if it is closed. Never waits.
  absl::Status TryPush(QueuedRequest& request) ABSL_LOCKS_EXCLUDED(mu_);

  // Refuses with `why` from now on, and wakes the worker. The first call counts.
  void Close(absl::Status why) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends a Receive that waits, now or the next time.
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);

  std::size_t max_requests() const { return options_.max_requests; }

  // Of both halves.
  struct Size {
    std::size_t requests = 0;
    std::size_t prompt_tokens = 0;
  };
  Size size() const ABSL_LOCKS_EXCLUDED(mu_);

  // ---- The worker's thread.

  // How long Receive may sleep while nobody waits in line and nothing arrives. kBriefly is for who
  // has to look at clocks meanwhile: some ten milliseconds.
  enum class Wait { kNo, kBriefly, kUntilSomethingHappens };

  // Takes in what has arrived. False once the queue is closed and empty: nothing will come.
  bool Receive(Wait wait) ABSL_LOCKS_EXCLUDED(mu_);

  // The next in line at `now`; null if nobody waits. It stays in line until Pop.
  QueuedRequest* Next(absl::Time now);

  // Removes the request that Next gave last, which may have been moved from.
  void Pop() ABSL_LOCKS_EXCLUDED(mu_);

  // Removes those that `gone` says; the others keep their order.
  void RemoveIf(absl::FunctionRef<bool(const QueuedRequest&)> gone) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Left(const Size& left) ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  std::list<QueuedRequest> waiting_;  // the worker's, in order of arrival
  std::list<QueuedRequest>::iterator next_ = waiting_.end();
  std::size_t next_tokens_ = 0;  // the length of its prompt

  mutable Mutex mu_;
  std::condition_variable_any changed_;
  std::list<QueuedRequest> arrivals_ ABSL_GUARDED_BY(mu_);
  Size size_ ABSL_GUARDED_BY(mu_);
  absl::Status closed_ ABSL_GUARDED_BY(mu_);  // OK: open
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace cascade::server
