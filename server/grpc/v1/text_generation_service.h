// SPDX-License-Identifier: Apache-2.0
// The service cascade.v1.TextGeneration.
#pragma once

#include "cascade/v1/text_generation.grpc.pb.h"
#include "grpcpp/support/byte_buffer.h"

namespace cascade::server {

class Serving;

// Transport only: translates a request, has it admitted, hands it to the worker. No method waits
// for anything.
//
// Every method says UNAVAILABLE unless `serving` is available, and RESOURCE_EXHAUSTED if the calls
// of the process hold all the memory that they may, or when memory runs out. (If there is none even
// for the call's own object, gRPC makes UNIMPLEMENTED of that exception.)
//
// Methods take a request's bytes, not its message (request/parse.h says why). So this is not the
// generated CallbackService, but the generated names with handlers of our own.
class TextGenerationService final : public v1::TextGeneration::Service {
 public:
  // Borrows `serving`.
  explicit TextGenerationService(const Serving& serving);
};

}  // namespace cascade::server
