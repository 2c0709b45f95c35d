// SPDX-License-Identifier: Apache-2.0
// The calls of cascade.v1 that run many prompts and generate nothing.
#pragma once

#include "absl/strings/string_view.h"
#include "cascade/v1/text_generation.pb.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

namespace cascade::server {

class Serving;

inline constexpr absl::string_view kTextGeneration = "cascade.v1.TextGeneration";

// Begins a call of Embed, or of Score, for the request of `bytes`. Borrows all; `response` is
// gRPC's. The reactor deletes itself.
grpc::ServerUnaryReactor* BeginEmbed(const Serving& serving, grpc::CallbackServerContext& context,
                                     const grpc::ByteBuffer& bytes, v1::EmbedResponse& response);
grpc::ServerWriteReactor<v1::ScoreEvent>* BeginScore(const Serving& serving,
                                                     grpc::CallbackServerContext& context,
                                                     const grpc::ByteBuffer& bytes);

}  // namespace cascade::server
