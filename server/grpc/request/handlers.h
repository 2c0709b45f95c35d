// SPDX-License-Identifier: Apache-2.0
// gRPC's handlers of methods that take bytes: what the generated callback services do, with their
// message in the place of the bytes. The service that a handler is given to owns it.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/grpc/request/method.h"

namespace cascade::server {

// The place of a method in the generated code of the service that `file` has.
inline int MethodIndex(const google::protobuf::FileDescriptor& file, absl::string_view method) {
  return file.service(0)->FindMethodByName(std::string(method))->index();
}

// `method` makes the reactor of a call: (context, bytes, response) -> reactor.
template <typename Response, typename Method>
grpc::internal::MethodHandler* UnaryHandler(Method method) {
  return new grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer, Response>(
      [method](grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes,
               Response* response) -> grpc::ServerUnaryReactor* {
        return method(*context, *bytes, *response);
      });
}

// The same of a stream: (context, bytes) -> reactor.
template <typename Event, typename Method>
grpc::internal::MethodHandler* StreamHandler(Method method) {
  return new grpc::internal::CallbackServerStreamingHandler<grpc::ByteBuffer, Event>(
      [method](grpc::CallbackServerContext* context,
               const grpc::ByteBuffer* bytes) -> grpc::ServerWriteReactor<Event>* {
        return method(*context, *bytes);
      });
}

// Of a method that does not generate. `method` has literals; `answer` is called like an
// AnswerFunction.
template <typename Request, typename Response, typename Answer>
grpc::internal::MethodHandler* ShortHandler(const Serving& serving, const MethodName& method,
                                            Answer answer) {
  return UnaryHandler<Response>([&serving, method, answer](grpc::CallbackServerContext& context,
                                                           const grpc::ByteBuffer& bytes,
                                                           Response& response) {
    return BeginShortCall<Request>(serving, method, context, bytes, response, answer);
  });
}

// The same with a function, which says of what types request and response are.
template <typename Request, typename Response>
grpc::internal::MethodHandler* ShortHandlerOf(const Serving& serving, const MethodName& method,
                                              AnswerFunction<Request, Response> answer) {
  return ShortHandler<Request, Response>(serving, method, answer);
}

}  // namespace cascade::server
