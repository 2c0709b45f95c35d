// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/constrained_tokens.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "model/constraints/token_mask.h"
#include "model/processors/exclude.h"

namespace cascade::model {

void ConstrainedTokens::Process(std::span<float> logits) {
  const absl::StatusOr<const TokenMask*> allowed = cursor_.Allowed();
  status_ = allowed.status();
  const TokenMask none;
  const TokenMask& mask = allowed.ok() ? **allowed : none;
  const bool may_end = allowed.ok() && cursor_.CanEnd();
  mask.Apply(logits, may_end ? std::span<const TokenId>(ends_) : std::span<const TokenId>());
  if (may_end) return;
  for (const TokenId end : ends_) Exclude(end, logits);
}

void ConstrainedTokens::Accept(TokenId token) {
  if (std::ranges::find(ends_, token) == ends_.end()) cursor_.Append(token);
}

std::string ConstrainedTokens::Describe() const {
  if (!status_.ok()) return absl::StrCat("constraint: ", status_.message());
  return "the constraint excludes what would make the text break it";
}

}  // namespace cascade::model
