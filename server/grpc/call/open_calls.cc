// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/open_calls.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "grpc/grpc.h"

namespace cascade::server {
namespace {

constexpr absl::Duration kForever = absl::Hours(24 * 365);  // more would overflow a time_point

}  // namespace

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
  std::int64_t left = time_left_.load();
  while (left != kNoLimit && left != kIdle) {
    const bool over = left <= nanoseconds;
    if (time_left_.compare_exchange_weak(left, over ? kNoLimit : left - nanoseconds)) return over;
  }
  return false;
}

bool OpenCalls::Ticket::ExpireIfIdle() {
  std::int64_t idle = kIdle;
  return time_left_.compare_exchange_strong(idle, kNoLimit);
}

void OpenCalls::Advance(absl::Duration time) {
  // gRPC may delete a reactor and its context at any moment, and it must not be called under a
  // lock. So this takes a reference to the core's handle of each call, which exists as long as the
  // call's ticket does, and cancels by that handle after the lock is free.
  std::vector<grpc_call*> overdue;
  std::vector<grpc_call*> idle;
  {
    const MutexLock lock(mu_);
    overdue.reserve(open_.size());
    if (ending_) idle.reserve(open_.size());
    for (Ticket* ticket : open_) {
      if (ticket->call_ == nullptr) continue;
      if (ticket->Expire(absl::ToInt64Nanoseconds(time))) {
        overdue.push_back(ticket->call_);
      } else if (ending_ && ticket->ExpireIfIdle()) {
        idle.push_back(ticket->call_);
      } else {
        continue;
      }
      grpc_call_ref(ticket->call_);
    }
  }
  for (grpc_call* call : overdue) {
    grpc_call_cancel(call, nullptr);
    grpc_call_unref(call);
  }
  for (grpc_call* call : idle) {
    grpc_call_cancel_with_status(call, GRPC_STATUS_UNAVAILABLE, "the server is shutting down",
                                 nullptr);
    grpc_call_unref(call);
  }
}

void OpenCalls::EndIdle() {
  {
    const MutexLock lock(mu_);
    ending_ = true;
  }
  Advance(absl::ZeroDuration());
}

void OpenCalls::WaitUntilNone(absl::Duration at_most) {
  const auto until =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(std::min(at_most, kForever));
  const MutexLock lock(mu_);
  while (!open_.empty()) {
    if (changed_.wait_until(mu_, until) == std::cv_status::timeout) return;
  }
}

}  // namespace cascade::server
