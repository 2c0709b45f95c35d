// SPDX-License-Identifier: Apache-2.0

#include "model/processors/no_repeated_ngrams.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "model/processors/exclude.h"

namespace cascade::model {

void NoRepeatedNgrams::Process(std::span<float> logits) {
  const std::span<const TokenId> all(tokens_);
  const std::span<const TokenId> beginning = all.last(n_ - 1);
  for (std::size_t i = 0; i + n_ <= all.size(); ++i) {
    const std::span<const TokenId> ngram = all.subspan(i, n_);
    if (std::ranges::equal(ngram.first(n_ - 1), beginning)) Exclude(ngram.back(), logits);
  }
}

std::string NoRepeatedNgrams::Describe() const {
  return absl::StrCat("penalties.no_repeat_ngram_size is ", n_,
                      ", which excludes tokens that would repeat an n-gram");
}

}  // namespace cascade::model
