// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/answer_at_once.h"

#include "server/engine/exception_status.h"
#include "server/grpc/status.h"

namespace cascade::server {

grpc::ServerUnaryReactor* AnswerAtOnce(grpc::CallbackServerContext& context,
                                       absl::FunctionRef<absl::Status()> answer) {
  absl::Status status;
  try {
    status = answer();
  } catch (...) {
    status = StatusOfException("the request was read");
  }
  grpc::ServerUnaryReactor* reactor = context.DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

}  // namespace cascade::server
