#include "server/grpc/open_calls.h"

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
  if (call_ == nullptr || time_left_.load() == kForever) return false;
  if (time_left_.fetch_sub(nanoseconds) > nanoseconds) return false;
  time_left_.store(kForever);
  return true;
}

void OpenCalls::Pass(absl::Duration time) {
  // gRPC may let a reactor and its context go at any moment, and must not be called under a lock.
  // So the calls are taken by themselves, each with a reference of its own: as long as a ticket
  // exists, so does its call.
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
