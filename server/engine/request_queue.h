// The line between the transport's threads and the worker.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <list>

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

// A bounded FIFO in two halves: arrivals, which any thread appends to under the lock, and the
// waiting line, which is the worker's alone, so that it can look at sinks with no lock held.
// Receive moves the one to the end of the other. Both are lists, so that a request is moved once,
// and nothing is allocated under the lock or on the worker's thread.
class RequestQueue {
 public:
  // For at most `capacity` requests, both halves together.
  explicit RequestQueue(std::size_t capacity) : capacity_(capacity) {}

  // ---- Any thread.

  // Appends `request`, or leaves it as it is: RESOURCE_EXHAUSTED if the queue is full or there is
  // no memory, Close's status if it is closed. Never waits.
  absl::Status TryPush(QueuedRequest& request) ABSL_LOCKS_EXCLUDED(mu_);

  // Refuses with `why` from now on, and wakes the worker. The first call counts.
  void Close(absl::Status why) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends a Receive that waits, now or the next time. Any thread.
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);

  // Both halves.
  std::size_t capacity() const { return capacity_; }
  std::size_t size() const ABSL_LOCKS_EXCLUDED(mu_);

  // ---- The worker's thread.

  // Takes in what has arrived. With `wait`, and if nobody waits in line, sleeps until something
  // arrives or the queue is closed. False once the queue is closed and empty: nothing will come.
  bool Receive(bool wait) ABSL_LOCKS_EXCLUDED(mu_);

  // The waiting line. REQUIRES for Front and PopFront: waiting() > 0.
  std::size_t waiting() const { return waiting_.size(); }
  QueuedRequest& Front() { return waiting_.front(); }
  void PopFront() ABSL_LOCKS_EXCLUDED(mu_);

  // Removes those that `gone` says; the others keep their order.
  void RemoveIf(absl::FunctionRef<bool(const QueuedRequest&)> gone) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Left(std::size_t count) ABSL_LOCKS_EXCLUDED(mu_);

  const std::size_t capacity_;
  std::list<QueuedRequest> waiting_;  // the worker's

  mutable Mutex mu_;
  std::condition_variable_any changed_;
  std::list<QueuedRequest> arrivals_ ABSL_GUARDED_BY(mu_);
  std::size_t size_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status closed_ ABSL_GUARDED_BY(mu_);  // OK: open
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace cascade::server
