// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/open_calls.h"

#include <vector>

#include "grpc/grpc.h"

namespace cascade::server {

OpenCalls::Ticket::Ticket(OpenCalls& calls, grpc::CallbackServerContext* context)
    : calls_(calls), call_(context == nullptr ? nullptr : context->c_call()) {
  const MutexLock lock(calls_.mu_);
  calls_.open_.insert(this);
}

OpenCalls::Ticket::~Ticket() {
  const MutexLock lock(calls_.mu_);
  calls_.open_.erase(this);
  calls_.changed_.notify_all();
}

bool OpenCalls::Ticket::Expire(std::int64_t nanoseconds) {
  if (call_ == nullptr || time_left_.load() == kNoLimit) return false;
  if (time_left_.fetch_sub(nanoseconds) > nanoseconds) return false;
  time_left_.store(kNoLimit);
  return true;
}

void OpenCalls::Advance(absl::Duration time) {
  // gRPC may delete a reactor and its context at any moment, and it must not be called under a
  // lock. So this takes a reference to the core's handle of each call, which exists as long as the
  // call's ticket does, and cancels by that handle after the lock is free.
  std::vector<grpc_call*> overdue;
  {
    const MutexLock lock(mu_);
    overdue.reserve(open_.size());
    for (Ticket* ticket : open_) {
      if (!ticket->Expire(absl::ToInt64Nanoseconds(time))) continue;
      grpc_call_ref(ticket->call_);
      overdue.push_back(ticket->call_);
    }
  }
  for (grpc_call* call : overdue) {
    grpc_call_cancel(call, nullptr);
    grpc_call_unref(call);
  }
}

void OpenCalls::WaitUntilNone(absl::Time deadline) {
  const MutexLock lock(mu_);
  while (!open_.empty()) {
    if (changed_.wait_until(mu_, absl::ToChronoTime(deadline)) == std::cv_status::timeout) return;
  }
}

}  // namespace cascade::server
