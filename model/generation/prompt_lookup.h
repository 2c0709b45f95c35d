// SPDX-License-Identifier: Apache-2.0
// Drafts without a model: what followed the last time that these words were said.
#pragma once

#include <cstddef>
#include <span>

#include "model/token.h"

namespace cascade::model {

// Looks for an earlier place where the last 3 tokens of `tokens` (or, if there is none, the last 2)
// stand, and returns the tokens that follow there, at most `limit` of them, which may run into the
// end of `tokens`; empty if there is no such place. Of several places it is the latest that is
// followed by `limit` tokens, or else by the most: a text that goes round in a small circle is
// looked up a few rounds back. Views `tokens`.
//
// The caller lets the model check such a draft in one batch; it decides speed and never a result.
// Reference: Saxena 2023, "Prompt Lookup Decoding"; Hugging Face PromptLookupCandidateGenerator.
std::span<const TokenId> LookUpDraft(std::span<const TokenId> tokens, std::size_t limit);

}  // namespace cascade::model
