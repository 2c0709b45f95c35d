// SPDX-License-Identifier: Apache-2.0
// A unary call that is answered without the worker.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/grpc/call/call_environment.h"
#include "server/grpc/call/call_memory.h"
#include "server/grpc/call/call_observer.h"
#include "server/grpc/call/open_calls.h"

namespace cascade::server {

// Holds its share of the memory until the client has read the answer, and gives the client
// `stalled_reader_limit` to do so. Create it with `new`; it deletes itself in OnDone.
class ShortCall final : public grpc::ServerUnaryReactor {
 public:
  // Borrows `context`, which is gRPC's, and `environment`.
  ShortCall(const MethodName& method, grpc::CallbackServerContext& context,
            const CallEnvironment& environment);

  // What the call holds until it is over.
  CallMemory::Share& memory() { return memory_; }

  // One of the two, once; the call may be gone afterwards. Accept sends the response, Refuse
  // `status`, with retry advice if it is RESOURCE_EXHAUSTED.
  void Accept() noexcept { End(absl::OkStatus()); }
  void Refuse(absl::Status status) noexcept { End(std::move(status)); }

  void OnDone() override;

 private:
  void End(absl::Status status) noexcept;

  const BegunCall begun_;
  grpc::CallbackServerContext& context_;
  const CallEnvironment& environment_;
  CallMemory::Share memory_;
  OpenCalls::Ticket ticket_;
  absl::Status status_;  // written once, before Finish
};

}  // namespace cascade::server
