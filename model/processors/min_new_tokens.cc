// SPDX-License-Identifier: Apache-2.0

#include "model/processors/min_new_tokens.h"

#include "absl/strings/str_cat.h"
#include "model/processors/exclude.h"

namespace cascade::model {

void MinNewTokens::Process(std::span<float> logits) {
  for (const TokenId token : ends_) Exclude(token, logits);
}

std::string MinNewTokens::Describe() const {
  return absl::StrCat("min_new_tokens is ", min_new_tokens_,
                      ", which excludes every eos or stop token until then");
}

}  // namespace cascade::model
