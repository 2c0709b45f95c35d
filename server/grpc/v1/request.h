// SPDX-License-Identifier: Apache-2.0
// From the messages of cascade.v1 to requests.
#pragma once

#include "absl/status/status.h"
#include "cascade/v1/text_generation.pb.h"
#include "server/grpc/request/text_request.h"
#include "server/grpc/request/violations.h"

namespace cascade::model {
class Tokenizer;
}  // namespace cascade::model

namespace cascade::server {

struct ModelInfo;

// What violations of a v1 request are reported by: "token_ids.ids[1]" for "token_ids[1]", wherever
// it stands, all others the same.
std::string V1FieldName(absl::string_view path);

// Adds to `violations` what is wrong with `truncation.side`.
TextRequest::Truncation ToTruncation(const v1::Truncation& message, Violations& violations);

// The same request in the server's own terms; borrows `message`. Adds to `violations` what is wrong
// with the message itself: enums and durations that their types do not allow.
TextRequest ToTextRequest(const v1::GenerateRequest& message, Violations& violations);

// All that is wrong with a message, as far as it can be seen before the prompt is tokenized:
// INVALID_ARGUMENT with google.rpc.BadRequest.
absl::Status Validate(const v1::GenerateRequest& message, const ModelInfo& info);
absl::Status Validate(const v1::TokenizeRequest& message);
absl::Status Validate(const v1::AbortRequest& message);

// The text that comes back must be no longer than one that Tokenize takes.
absl::Status Validate(const v1::DetokenizeRequest& message, const ModelInfo& info,
                      const model::Tokenizer& tokenizer);

}  // namespace cascade::server
