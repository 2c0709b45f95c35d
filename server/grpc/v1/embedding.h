// SPDX-License-Identifier: Apache-2.0
// The messages of cascade.v1's Embed.
#pragma once

#include "absl/time/time.h"
#include "cascade/v1/text_generation.pb.h"
#include "server/engine/clock.h"
#include "server/grpc/call/answer.h"
#include "server/grpc/request/batch_request.h"
#include "server/grpc/request/violations.h"

namespace cascade::server {

struct ModelInfo;

// The same request in the server's own terms; borrows `message`. Adds to `violations` what is wrong
// with the message itself.
EmbeddingRequest ToEmbeddingRequest(const v1::EmbedRequest& message, Violations& violations);

// Writes the vectors of one input into the response of all. For UnaryCall, in the inputs' order.
class EmbedEncoder {
 public:
  using Response = v1::EmbedResponse;

  // Borrows `info`.
  explicit EmbedEncoder(const ModelInfo& info) : info_(&info) {}

  void Append(Answer& answer, v1::EmbedResponse& response);

 private:
  const ModelInfo* info_;
  absl::Time arrival_ = MonotonicNow();
};

}  // namespace cascade::server
