// SPDX-License-Identifier: Apache-2.0
// What a request for text may be: every limit and every combination, in one place.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace cascade::server {

class Violations;
struct ModelInfo;
struct TextRequest;

// Adds all that is wrong with `request` to `violations`, as far as it can be seen before the prompt
// is tokenized; a text that is certainly too long is. Cheap, whatever the request holds. NaN is
// never within a range. Lists may have duplicates, but for candidate_ids.
void Validate(const TextRequest& request, const ModelInfo& info, Violations& violations);

// The part of that which is about request_id, cache and priority alone.
void ValidateIdentityAndSchedule(const TextRequest& request, const ModelInfo& info,
                                 Violations& violations);

// The request's own max_new_tokens, or the model's, or min_new_tokens if that is more: a default is
// a bound and never contradicts what the request asks for. Never 0 in a valid request.
std::size_t MaxNewTokens(const TextRequest& request, const ModelInfo& info);

// What to tell about a prompt that is too long: `size` is "is 2000 tokens" or the like.
std::string PromptTooLong(absl::string_view size, const ModelInfo& info);

// The same of a sequence of `tokens`, none of which is generated: "2000 tokens; must be ...".
std::string SequenceTooLong(std::size_t tokens, std::size_t most, const ModelInfo& info);

}  // namespace cascade::server
