#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "model/generation/generation_params.h"
#include "model/token.h"
#include "server/engine/admission.h"
#include "server/engine/token_sink.h"

namespace cascade::server {

// One admitted request, in the engine's vocabulary: validated, tokenised, every default resolved.
// Move-only: it holds the admission permit, so dropping it frees the place.
struct GenerationRequest {
  std::string id;                      // for logs
  std::vector<model::TokenId> prompt;  // 1 to n_ctx - 1 tokens, each below vocab_size
  model::GenerationParams params;
  absl::Time deadline = absl::InfiniteFuture();   // DEADLINE_EXCEEDED if it is not done by then
  absl::Time finish_by = absl::InfiniteFuture();  // finishes with kTimeLimit and what there is
  int priority = 0;                               // higher ones start first
  bool use_prefix_cache = true;                   // neither read nor feed it, if false
  std::string cache_salt;                         // prefixes are shared among equal salts only
  bool speculate = true;                          // may draft tokens ahead; never changes a result
  TokenSink* sink = nullptr;                      // not owned; alive until OnFinished or OnFailed
  Admission::Permit permit;
};

}  // namespace cascade::server
