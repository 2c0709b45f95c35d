// SPDX-License-Identifier: Apache-2.0
// From the messages of vllm.grpc.engine to requests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/grpc/request/batch_request.h"
#include "server/grpc/request/text_request.h"
#include "server/grpc/request/violations.h"
#include "server/grpc/vllm/messages.h"

namespace cascade::server {

struct ModelInfo;

// What violations of a request are reported by: "sampling_params.max_tokens" for
// "stopping.max_new_tokens". What is no path of TextRequest stays as it is.
std::string VllmFieldName(absl::string_view path);

// Candidates that a request wants told of each token; nothing if it wants no log-probabilities.
struct AskedLogProbs {
  std::optional<std::uint32_t> output;
  std::optional<std::uint32_t> prompt;
};
AskedLogProbs LogProbsAskedFor(const engine_pb::SamplingParams& params);

// The same request in the server's own terms; borrows `message`. Adds to `violations` what is wrong
// with the message itself, and each field that asks for what this server does not do.
TextRequest ToTextRequest(const engine_pb::GenerateRequest& message, Violations& violations);

// The same of a request for a prompt's vector.
EmbeddingRequest ToEmbeddingRequest(const engine_pb::EmbedRequest& message);

// All that is wrong with a message, as far as it can be seen before the prompt is tokenized:
// INVALID_ARGUMENT with google.rpc.BadRequest.
absl::Status Validate(const engine_pb::GenerateRequest& message, const ModelInfo& info);
absl::Status Validate(const engine_pb::AbortRequest& message);

}  // namespace cascade::server
