// SPDX-License-Identifier: Apache-2.0
// The calls of SubscribeKvEvents.
#pragma once

#include <condition_variable>
#include <memory>
#include <set>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/engine/mutex.h"
#include "server/grpc/vllm/messages.h"

namespace cascade::server {

class Serving;

// Tells subscribers what the worker's log of prefixes has. A thread of its own wakes them a hundred
// times a second as long as there are any: so the worker does not know of them, and waits for none.
// A subscriber holds one message, and reads the rest from the log, which is bounded; who falls so
// far behind that the log has dropped what comes next is ended. Any thread.
class KvEventFeed {
 public:
  // Borrows `serving`.
  explicit KvEventFeed(const Serving& serving) : serving_(serving) {}

  // REQUIRES: no call is open.
  ~KvEventFeed();

  // Begins a call for the request of `bytes`. The reactor destroys itself.
  grpc::ServerWriteReactor<common_pb::KvEventBatch>* Begin(grpc::CallbackServerContext& context,
                                                           const grpc::ByteBuffer& bytes)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Subscriber;

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  void Forget(const std::shared_ptr<Subscriber>& subscriber) ABSL_LOCKS_EXCLUDED(mu_);

  const Serving& serving_;
  Mutex mu_;
  std::condition_variable_any changed_;
  std::set<std::shared_ptr<Subscriber>> subscribers_ ABSL_GUARDED_BY(mu_);
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mu_);  // since the first subscriber
};

}  // namespace cascade::server
