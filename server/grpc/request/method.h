// SPDX-License-Identifier: Apache-2.0
// What the methods of every dialect have in common: bytes in, a share of the memory, then the work.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/engine/exception_status.h"
#include "server/grpc/auth/authenticator.h"
#include "server/grpc/backend.h"
#include "server/grpc/call/call_memory.h"
#include "server/grpc/call/short_call.h"
#include "server/grpc/request/parse.h"
#include "server/grpc/serving.h"

namespace cascade::server {

// Begins `call`, which was just created for the request of `bytes`: finds out who calls, takes its
// share of the memory and has `work` done, here or on a thread for long work. `work` returns OK if
// it has accepted the call; with every other status, and with what it throws, the call is refused.
// Its argument is null where callers are not known. Returns `call`, which deletes itself.
template <typename Call>
Call* Begin(const Serving& serving, const grpc::ServerContextBase& context,
            const grpc::ByteBuffer& bytes, Call* call,
            std::function<absl::Status(std::shared_ptr<Tenant>)> work) noexcept {
  const auto refuse = [call] { call->Refuse(StatusOfException("the request was read")); };
  try {
    absl::StatusOr<std::shared_ptr<Tenant>> tenant =
        serving.environment().authenticator.Authenticate(context);
    if (!tenant.ok()) {
      call->Refuse(std::move(tenant).status());
      return call;
    }
    call->memory() = serving.memory().TryTake(CallBytes(bytes.Length()));
    if (!call->memory()) {
      call->Refuse(serving.memory().Full());
      return call;
    }
    serving.Run(bytes.Length(), [call, refuse, &context, work = std::move(work), tenant = *tenant] {
      try {
        // Long requests wait for each other here: what nobody wants any more must not hold up the
        // others, nor the server's end.
        if (context.IsCancelled()) {
          return call->Refuse(absl::CancelledError("the client went away"));
        }
        if (absl::Status status = work(tenant); !status.ok()) call->Refuse(std::move(status));
      } catch (...) {
        refuse();
      }
    });
  } catch (...) {
    refuse();
  }
  return call;
}

// A call of a method that does not generate: who calls, and what the answer may use.
struct Asking {
  const Serving& serving;
  const Backend& backend;
  const grpc::CallbackServerContext& context;
  const Tenant* tenant;  // null where callers are not known
};

// A method that does not generate: fills in the answer to `request`.
template <typename Request, typename Response>
using AnswerFunction = absl::Status (*)(const Asking& asking, const Request& request,
                                        Response& response);

// Parses the request of `bytes` and answers it, if the model is in service and there is memory for
// the answer. `answer` is called like an AnswerFunction. Borrows `bytes` and `response`, which are
// gRPC's and live until the call's OnDone.
template <typename Request, typename Response, typename Answer>
grpc::ServerUnaryReactor* BeginShortCall(const Serving& serving, const MethodName& method,
                                         grpc::CallbackServerContext& context,
                                         const grpc::ByteBuffer& bytes, Response& response,
                                         const Answer& answer) {
  auto* call = new ShortCall(method, context, serving.environment());
  const auto work = [=, &serving, &context, &bytes,
                     &response](const std::shared_ptr<Tenant>& tenant) -> absl::Status {
    const absl::StatusOr<const Backend*> backend = serving.Available();
    if (!backend.ok()) return backend.status();
    Request request;
    if (absl::Status status = Parse(bytes, request); !status.ok()) return status;
    if (absl::Status status =
            answer(Asking{serving, **backend, context, tenant.get()}, request, response);
        !status.ok())
      return status;
    if (!call->memory().TryGrow(ResponseBytes(response.ByteSizeLong()))) {
      return serving.memory().Full();
    }
    call->Accept();
    return absl::OkStatus();
  };
  return Begin(serving, context, bytes, call, work);
}

}  // namespace cascade::server
