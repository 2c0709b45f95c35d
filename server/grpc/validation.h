// What a request may be: every limit and every combination, in one place.
//
// All that is wrong is found at once: INVALID_ARGUMENT with google.rpc.BadRequest, one violation
// for each wrong field, named by its path. NaN is never within a range. Lists may have duplicates.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "cascade/v1/text_generation.pb.h"
#include "server/grpc/backend.h"

namespace cascade::server {

// Limits of a request's size. GetModel reports them.
inline constexpr std::size_t kMaxTextBytes = 1 << 19;
inline constexpr std::size_t kMaxRequestIdBytes = 128;
inline constexpr std::size_t kMaxStopStrings = 16;
inline constexpr std::size_t kMaxStopStringBytes = 256;
inline constexpr std::size_t kMaxStopTokenIds = 64;
inline constexpr std::size_t kMaxCandidates = 20;
inline constexpr std::size_t kMaxCacheSaltBytes = 128;
inline constexpr int kMinPriority = -10;  // the highest is the operator's: ModelInfo::max_priority
inline constexpr float kMaxTemperature = 100.0F;

// All that can be seen before the prompt is tokenised, a prompt that is certainly too long
// included: cheap, whatever the request holds.
absl::Status Validate(const v1::GenerateRequest& request, const ModelInfo& info);

// What to tell about a prompt that is too long: `size` is "is 2000 tokens" or the like.
std::string PromptTooLong(absl::string_view size, const ModelInfo& info);

absl::Status Validate(const v1::TokenizeRequest& request);

// The text that comes back must be no longer than one that Tokenize takes.
absl::Status Validate(const v1::DetokenizeRequest& request, const ModelInfo& info,
                      const model::Tokenizer& tokenizer);

}  // namespace cascade::server
