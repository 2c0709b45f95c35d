// SPDX-License-Identifier: Apache-2.0
// A whole generation with no server: the loop of checkpoint 12.
//
//   prefill the prompt; then, until Decoding finishes: choose a token from the last row's logits,
//   and run that token to get the next ones
//
// Reference: Hugging Face GenerationMixin.generate.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "model/cache/kv_cache.h"
#include "model/generation/decoding.h"
#include "model/generation/generation_params.h"
#include "model/gpt2.h"
#include "model/token.h"
#include "model/tokenizer/tokenizer.h"

namespace cascade::model {

struct Generation {
  std::vector<GeneratedToken> tokens;
  std::string text;
  Finish finish;
};

// One thread at a time. Borrows all three, which must outlive it.
class Generator {
 public:
  Generator(Gpt2& model, const Tokenizer& tokenizer, KvCache& cache)
      : model_(model), tokenizer_(tokenizer), cache_(cache) {}

  // Runs one sequence to its end, drawing the random numbers of choice `choice`. `on_step` is
  // called for every token as it is made. INVALID_ARGUMENT for an empty prompt, one that leaves no
  // room for a token (it has n_ctx tokens or more), or a token id that is not in the vocabulary;
  // RESOURCE_EXHAUSTED if the cache has too few free blocks; INTERNAL as Decoding::Next.
  absl::StatusOr<Generation> Generate(std::span<const TokenId> prompt,
                                      const GenerationParams& params,
                                      absl::FunctionRef<void(const DecodingStep&)> on_step,
                                      std::uint32_t choice = 0);

 private:
  Gpt2& model_;
  const Tokenizer& tokenizer_;
  KvCache& cache_;
};

}  // namespace cascade::model
