// SPDX-License-Identifier: Apache-2.0
// The service cascade.v1.TextGeneration.
#pragma once

#include "cascade/v1/text_generation.grpc.pb.h"

namespace cascade::server {

class Serving;

// Transport only: translates a request, has it admitted, hands it to the worker. No method waits
// for anything.
//
// Every method says UNAVAILABLE unless `serving` is available. None throws: when memory runs out
// the call ends with RESOURCE_EXHAUSTED. (gRPC would make UNIMPLEMENTED of an exception.)
class TextGenerationService final : public v1::TextGeneration::CallbackService {
 public:
  // Borrows `serving`.
  explicit TextGenerationService(const Serving& serving) : serving_(serving) {}

  grpc::ServerWriteReactor<v1::GenerateEvent>* GenerateStream(
      grpc::CallbackServerContext* context, const v1::GenerateRequest* request) override;

  grpc::ServerUnaryReactor* Generate(grpc::CallbackServerContext* context,
                                     const v1::GenerateRequest* request,
                                     v1::GenerateResponse* response) override;

  grpc::ServerUnaryReactor* Tokenize(grpc::CallbackServerContext* context,
                                     const v1::TokenizeRequest* request,
                                     v1::TokenizeResponse* response) override;

  grpc::ServerUnaryReactor* Detokenize(grpc::CallbackServerContext* context,
                                       const v1::DetokenizeRequest* request,
                                       v1::DetokenizeResponse* response) override;

  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::GetModelResponse* response) override;

 private:
  const Serving& serving_;
};

}  // namespace cascade::server
