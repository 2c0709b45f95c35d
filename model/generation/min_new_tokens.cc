// SPDX-License-Identifier: Apache-2.0

#include "model/generation/min_new_tokens.h"

#include <limits>

#include "absl/strings/str_cat.h"

namespace cascade::model {

MinNewTokens::MinNewTokens(const StoppingParams& stopping)
    : min_new_tokens_(stopping.min_new_tokens), excluded_(stopping.eos_token_ids) {
  excluded_.insert(excluded_.end(), stopping.stop_token_ids.begin(), stopping.stop_token_ids.end());
}

void MinNewTokens::Process(std::span<float> logits) {
  for (const TokenId token : excluded_) {
    if (token < logits.size()) logits[token] = -std::numeric_limits<float>::infinity();
  }
}

std::string MinNewTokens::Describe() const {
  return absl::StrCat("min_new_tokens is ", min_new_tokens_,
                      ", which excludes every eos or stop token until then");
}

}  // namespace cascade::model
