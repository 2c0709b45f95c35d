// SPDX-License-Identifier: Apache-2.0
// The facts of a loaded model.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "model/config.h"
#include "model/generation_config.h"
#include "model/kernels/element_types.h"
#include "model/weights/report.h"

namespace cascade::server {

// What services tell of the model and judge requests by. Immutable once the model is served.
struct ModelInfo {
  std::string name;
  std::string tokenizer_folder;  // that the tokenizer was read from; told to nobody
  std::string fingerprint;
  model::ModelConfig config;
  model::GenerationConfig defaults;  // max_new_tokens and eos_token_ids resolved
  model::WeightsReport weights;
  model::kernels::KvType cache_type = model::kernels::KvType::kF32;
  std::size_t cache_positions = 0;  // that the whole KV cache holds
  std::size_t max_running = 0;
  std::size_t max_queued = 0;
  int max_priority = 0;              // that a request may ask for
  bool report_cached_tokens = true;  // false: answers say 0
  std::size_t max_token_bytes = 0;   // of the vocabulary's longest token; 0: not known
  bool has_tokenizer = true;         // false: requests and answers are token ids alone
  // The tokens that the tokenizer has beyond the model's vocabulary, by their ids from
  // config.vocab_size on. Neither a prompt nor an answer can have them.
  std::vector<std::string> tokens_beyond;
  absl::Duration stalled_reader_limit = absl::Seconds(30);  // for a client to read what is left

  // Longest sequence that runs.
  std::size_t MaxPositions() const { return std::min(config.n_ctx, cache_positions); }

  // Longest prompt and answer together. The last token is never run, so it needs no place.
  std::size_t MaxTotalTokens() const { return std::min(config.n_ctx, cache_positions + 1); }

  // Longest prompt: it leaves room for one token.
  std::size_t MaxPromptTokens() const { return MaxTotalTokens() - 1; }
};

}  // namespace cascade::server
