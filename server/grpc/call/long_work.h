// SPDX-License-Identifier: Apache-2.0
// The threads that do what would keep gRPC's own threads too long.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// Runs work in the order in which it was posted, on a few threads of a lower priority than all
// others, so that many clients with long texts take no CPU from the model, from health and from
// short calls where there is none to spare. The queue itself has no bound: each piece of work
// belongs to a call, and CallMemory bounds those.
class LongWork {
 public:
  explicit LongWork(std::size_t threads);

  // Does what was posted, then ends the threads.
  ~LongWork();

  // Any thread; does not wait. `work` must not throw. May throw std::bad_alloc.
  void Post(std::function<void()> work) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  // Waits for work and takes it. Empty at the end.
  std::function<void()> Take() ABSL_LOCKS_EXCLUDED(mu_);

  Mutex mu_;
  std::condition_variable_any changed_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mu_);
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;  // last: they use the members above
};

}  // namespace cascade::server
