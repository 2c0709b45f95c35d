// SPDX-License-Identifier: Apache-2.0
// Unary calls that need no generation.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"

namespace cascade::server {

// Ends a call, in its service's method, with what `answer` returns or with what its exception
// means. The reactor is gRPC's own.
grpc::ServerUnaryReactor* AnswerAtOnce(grpc::CallbackServerContext& context,
                                       absl::FunctionRef<absl::Status()> answer);

}  // namespace cascade::server
