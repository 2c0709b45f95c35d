// SPDX-License-Identifier: Apache-2.0
// The calls of vllm.grpc.engine that run the model.
#pragma once

#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/grpc/vllm/messages.h"

namespace cascade::server {

class Serving;

// Begins a call of Generate, or of Embed, for the request of `bytes`. Borrows all; `response` is
// gRPC's. The reactor deletes itself.
grpc::ServerWriteReactor<engine_pb::GenerateResponse>* BeginVllmGenerate(
    const Serving& serving, grpc::CallbackServerContext& context, const grpc::ByteBuffer& bytes);
grpc::ServerUnaryReactor* BeginVllmEmbed(const Serving& serving,
                                         grpc::CallbackServerContext& context,
                                         const grpc::ByteBuffer& bytes,
                                         engine_pb::EmbedResponse& response);

}  // namespace cascade::server
