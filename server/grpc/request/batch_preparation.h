// SPDX-License-Identifier: Apache-2.0
// From a valid request that generates nothing to those that the worker can run.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/engine/admission.h"
#include "server/engine/generation_request.h"
#include "server/grpc/auth/tenant.h"

namespace cascade::model {
class Tokenizer;
}  // namespace cascade::model

namespace cascade::server {

struct EmbeddingRequest;
struct ModelInfo;
struct ScoringRequest;

struct PreparedBatch {
  struct Part {
    GenerationRequest generation;  // complete but for its sink; it has no permit of its own
    std::size_t truncated_tokens = 0;
    std::optional<std::size_t> after = {};  // the part that is to have run before, if any
    std::size_t item = 0;                   // of a ScoringRequest, and
    std::size_t continuation = 0;           // one of its continuations
  };

  std::vector<Part> parts;
  std::vector<Admission::Permit> places;  // for the parts that are at the worker at once
  Admission::Permit open;      // a place among unread answers, for as long as the call is open
  TenantPermit tenant;         // and one among those of who calls
  std::size_t held_bytes = 0;  // of the requests, and of the answer until it is read
};

// Tokenizes, truncates and makes a request id if there is none. One part for each input, in their
// order. REQUIRES: Validate(request, info) found nothing.
//
// DEADLINE_EXCEEDED if `deadline` has passed. INVALID_ARGUMENT, with BadRequest, for an input that
// is too long and may not be truncated, and for more numbers than one answer may have. Cost: that
// of the tokenizer.
absl::StatusOr<PreparedBatch> Prepare(const EmbeddingRequest& request, absl::Time deadline,
                                      const ModelInfo& info, const model::Tokenizer& tokenizer);

// The same. One part for each continuation of each item, in their order. The first continuation of
// an item goes before its others where these can find its prompt in the prefix cache.
//
// INVALID_ARGUMENT for a prompt and a continuation that are together too long.
absl::StatusOr<PreparedBatch> Prepare(const ScoringRequest& request, absl::Time deadline,
                                      const ModelInfo& info, const model::Tokenizer& tokenizer);

}  // namespace cascade::server
