// SPDX-License-Identifier: Apache-2.0
// A whole generation with no server: the loop of checkpoint 12.
//
//   prefill the prompt; then, until Decoding finishes: choose a token from the last row's logits,
//   and run that token to get the next ones
//
// Reference: Hugging Face GenerationMixin.generate.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "model/generation/decoding_step.h"
#include "model/generation/generation_params.h"
#include "model/token.h"

namespace cascade::model {

class KvCache;
class LanguageModel;
class Tokenizer;

struct Generation {
  std::vector<GeneratedToken> tokens;
  std::string text;
  Finish finish;
};

// One thread at a time. Borrows model, tokenizer and cache, which must outlive it.
class Generator {
 public:
  Generator(LanguageModel& model, const Tokenizer& tokenizer, KvCache& cache)
      : model_(model), tokenizer_(tokenizer), cache_(cache) {}

  // Runs one sequence to its end. `on_step` is called for every token as soon as it is chosen.
  // INVALID_ARGUMENT as CheckPrompt (limits.h); RESOURCE_EXHAUSTED if the cache has too few free
  // blocks; INVALID_ARGUMENT and INTERNAL as Decoding::Next.
  absl::StatusOr<Generation> Generate(std::span<const TokenId> prompt,
                                      const GenerationParams& params,
                                      absl::FunctionRef<void(const DecodingStep&)> on_step);

 private:
  LanguageModel& model_;
  const Tokenizer& tokenizer_;
  KvCache& cache_;
};

}  // namespace cascade::model
