// SPDX-License-Identifier: Apache-2.0

#include "model/processors/banned_sequences.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "model/processors/exclude.h"

namespace cascade::model {

void BannedSequences::Process(std::span<float> logits) {
  const std::span<const TokenId> all(tokens_);
  for (const std::vector<TokenId>& sequence : sequences_) {
    const std::span<const TokenId> beginning(sequence.data(), sequence.size() - 1);
    if (beginning.size() > all.size()) continue;
    if (std::ranges::equal(all.last(beginning.size()), beginning)) {
      Exclude(sequence.back(), logits);
    }
  }
}

std::string BannedSequences::Describe() const {
  return absl::StrCat("token_rules.banned_words excludes what would complete one of ",
                      sequences_.size(), " sequences of tokens");
}

}  // namespace cascade::model
