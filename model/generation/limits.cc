// SPDX-License-Identifier: Apache-2.0

#include "model/generation/limits.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace cascade::model {

absl::Status CheckTokens(std::span<const TokenId> prompt, std::size_t vocab_size) {
  for (std::size_t i = 0; i < prompt.size(); ++i) {
    if (prompt[i] < vocab_size) continue;
    return absl::InvalidArgumentError(absl::StrCat("token ", prompt[i], ", at index ", i,
                                                   " of the prompt, is not in the vocabulary of ",
                                                   vocab_size));
  }
  return absl::OkStatus();
}

absl::Status CheckPrompt(std::span<const TokenId> prompt, std::size_t n_ctx,
                         std::size_t vocab_size) {
  if (prompt.empty() || prompt.size() >= n_ctx) {
    return absl::InvalidArgumentError(
        absl::StrCat("the prompt has ", prompt.size(), " tokens; it must have 1 to ", n_ctx - 1,
                     ", to leave room for one in a context of ", n_ctx));
  }
  return CheckTokens(prompt, vocab_size);
}

std::size_t PositionsNeeded(std::size_t prompt_tokens, std::size_t max_new_tokens,
                            std::size_t n_ctx) {
  return prompt_tokens + std::min(max_new_tokens, n_ctx - prompt_tokens) - 1;
}

}  // namespace cascade::model
