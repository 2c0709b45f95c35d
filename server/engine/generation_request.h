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
  absl::Time deadline = absl::InfiniteFuture();
  TokenSink* sink = nullptr;  // not owned; alive until OnFinished or OnFailed
  Admission::Permit permit;
};

}  // namespace cascade::server
