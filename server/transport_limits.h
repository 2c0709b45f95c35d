// SPDX-License-Identifier: Apache-2.0
// What clients together may make the transport spend, beside what admission counts.
#pragma once

#include <cstdint>

#include "grpcpp/server_builder.h"
#include "server/grpc/serving.h"
#include "server/options.h"

namespace cascade::server {

// The budget of all open calls and who works on them.
Serving::Limits ServingLimitsOf(const Options& options);

// Sets what gRPC itself is to bound, for each connection and for all of them: streams, the lengths
// of messages and metadata, the memory of its buffers, compression, pings.
void SetTransportLimits(const Options& options, grpc::ServerBuilder& builder);

// The bytes of PrivateMemory that the process is to hold at most, if it holds `when_loaded` with
// the model and its cache and nobody calls: four times what calls may hold, and some, beside that;
// less if --memory_bytes is less, but never so little that there is no room for calls.
std::uint64_t MemoryBound(const Options& options, std::uint64_t when_loaded);

}  // namespace cascade::server
