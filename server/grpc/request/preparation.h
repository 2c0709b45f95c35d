// SPDX-License-Identifier: Apache-2.0
// From a valid request to one that the worker can run.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/token.h"
#include "server/engine/admission.h"
#include "server/engine/generation_request.h"
#include "server/grpc/auth/tenant.h"

namespace cascade::model {
class Tokenizer;
}  // namespace cascade::model

namespace cascade::server {

struct ModelInfo;
struct TextRequest;

struct PreparedRequest {
  GenerationRequest generation;  // complete but for sink and permit
  Admission::Permit open;        // a place among unread answers, for as long as the call is open
  TenantPermit tenant;           // and one among those of who calls
  std::size_t truncated_tokens = 0;
  std::string prompt_text;       // if it is to be told: of the tokens that are left
  std::size_t answer_bytes = 0;  // that the whole answer may have, as one message, its prompt aside
  std::size_t prompt_bytes = 0;  // that the prompt's own log-probabilities may have
  std::size_t state_bytes = 0;   // that its rules and its choices but the first take while it runs
};

// A new request id.
std::string MakeRequestId();

// Drops tokens from one side until `prompt` has at most `limit`; returns how many.
std::size_t Truncate(bool keep_beginning, std::size_t limit, std::vector<model::TokenId>& prompt);

// Tokenizes, truncates, fills in the defaults, and makes a seed and a request id if there is none.
// REQUIRES: Validate(request, info) found nothing.
//
// DEADLINE_EXCEEDED if `deadline` has passed: no tokenizer, no model.
// INVALID_ARGUMENT, with BadRequest, for a prompt that leaves no room for a token and may not be
// truncated, and for one that could never fit in the KV cache together with max_new_tokens. Cost:
// that of the tokenizer.
absl::StatusOr<PreparedRequest> Prepare(const TextRequest& request, absl::Time deadline,
                                        const ModelInfo& info, const model::Tokenizer& tokenizer);

}  // namespace cascade::server
