// SPDX-License-Identifier: Apache-2.0
// Drafts tokens without a second model: those that followed an earlier occurrence of the last ones.
#pragma once

#include <cstddef>
#include <span>

#include "model/token.h"

namespace cascade::model {

// Finds an earlier occurrence of the last 3 tokens of `tokens` (or, if there is none, of the last
// 2) and returns the tokens that follow it, at most `limit`; empty if there is no such occurrence.
// What follows may overlap the end of `tokens`. Of several occurrences, the latest that is followed
// by `limit` tokens counts, or else the one that is followed by the most: in a text that repeats a
// short passage, that is one several rounds back. The result views `tokens`.
//
// The caller lets the model verify the draft in one batch; a draft changes speed and never a
// result. Reference: Saxena 2023, "Prompt Lookup Decoding"; Hugging Face
// PromptLookupCandidateGenerator.
std::span<const TokenId> LookUpDraft(std::span<const TokenId> tokens, std::size_t limit);

}  // namespace cascade::model
