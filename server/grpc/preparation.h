// From a request on the wire to one that the worker can run.
#pragma once

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cascade/v1/text_generation.pb.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/generation_request.h"
#include "server/grpc/backend.h"

namespace cascade::server {

struct PreparedRequest {
  GenerationRequest generation;  // but for sink and permit
  Admission::Permit open;        // the service's, for as long as the call is open
  std::size_t truncated_tokens = 0;
  bool report_token_ids = false;
};

// Tokenises, truncates, fills in the defaults, and makes a seed and a request id if there is none.
// REQUIRES: Validate(request, info) is OK.
//
// DEADLINE_EXCEEDED if `deadline` has passed: no tokeniser, no model.
// INVALID_ARGUMENT, with BadRequest, for a prompt that leaves no room for a token and may not be
// truncated, and for one that could never fit in the KV cache together with max_new_tokens. Cost:
// that of the tokeniser.
absl::StatusOr<PreparedRequest> Prepare(const v1::GenerateRequest& request, absl::Time deadline,
                                        const ModelInfo& info, const model::Tokenizer& tokenizer);

}  // namespace cascade::server
