#include "server/grpc/preparation.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/engine/limits.h"
#include "server/grpc/conversions.h"
#include "server/grpc/status.h"
#include "server/grpc/validation.h"

namespace cascade::server {
namespace {

std::uint64_t Random64() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

std::string MakeRequestId() { return absl::StrCat(absl::Hex(Random64(), absl::kZeroPad16)); }

absl::StatusOr<std::vector<model::TokenId>> PromptTokens(const v1::GenerateRequest& request,
                                                         const model::Tokenizer& tokenizer) {
  if (request.has_text()) {
    return tokenizer.Encode(request.text(), ToSpecialTokens(request.parse_special_tokens()));
  }
  const auto& ids = request.token_ids().ids();
  return std::vector<model::TokenId>(ids.begin(), ids.end());
}

// Drops tokens from one side until `prompt` has at most `limit`; returns how many.
std::size_t Truncate(v1::Truncation::Side side, std::size_t limit,
                     std::vector<model::TokenId>& prompt) {
  if (prompt.size() <= limit) return 0;
  const std::size_t dropped = prompt.size() - limit;
  if (side == v1::Truncation::SIDE_RIGHT) {
    prompt.resize(limit);
  } else {
    prompt.erase(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(dropped));
  }
  return dropped;
}

// The longest prompt to keep. The request's own word counts; without it, there shall be room for
// all that it wants to generate, if there can be.
std::size_t TruncationLimit(const v1::Truncation& truncation, std::size_t max_new_tokens,
                            const ModelInfo& info) {
  if (truncation.has_max_prompt_tokens()) {
    return std::min<std::size_t>(truncation.max_prompt_tokens(), info.MaxPromptTokens());
  }
  if (max_new_tokens >= info.MaxTotalTokens()) return info.MaxPromptTokens();
  return info.MaxTotalTokens() - max_new_tokens;
}

absl::Status CheckPromptLength(const v1::GenerateRequest& request, std::size_t tokens,
                               const ModelInfo& info) {
  if (tokens <= info.MaxPromptTokens()) return absl::OkStatus();
  return BadRequestError({{request.has_text() ? "text" : "token_ids.ids",
                           PromptTooLong(absl::StrCat("is ", tokens, " tokens"), info)}});
}

// REQUIRES: the prompt is not too long.
absl::Status CheckFitsCache(const GenerationRequest& generation, const ModelInfo& info) {
  const std::size_t needed = PositionsNeeded(generation, info.config.n_ctx);
  if (needed <= info.cache_positions) return absl::OkStatus();
  const std::size_t prompt = generation.prompt.size();
  return BadRequestError(
      {{"stopping.max_new_tokens",
        absl::StrCat("is ", generation.params.stopping.max_new_tokens, "; with a prompt of ",
                     prompt, " tokens that takes ", needed,
                     " positions of the KV cache, which has ", info.cache_positions, "; at most ",
                     info.MaxTotalTokens() - prompt, " would fit")}});
}

// When and how it runs, which has no part in what comes out.
void SetSchedule(const v1::GenerateRequest& request, absl::Time arrival,
                 GenerationRequest& generation) {
  if (request.stopping().has_time_limit()) {
    generation.finish_by = arrival + ToDuration(request.stopping().time_limit());
  }
  generation.priority = request.priority();
  generation.use_prefix_cache = !request.cache().bypass();
  generation.cache_salt = request.cache().salt();
  generation.speculate = !request.has_speculation() || request.speculation();
}

}  // namespace

absl::StatusOr<PreparedRequest> Prepare(const v1::GenerateRequest& request, absl::Time deadline,
                                        const ModelInfo& info, const model::Tokenizer& tokenizer) {
  if (deadline <= absl::Now()) return absl::DeadlineExceededError("the deadline has passed");
  PreparedRequest prepared;
  GenerationRequest& generation = prepared.generation;
  SetSchedule(request, absl::Now(), generation);
  generation.deadline = deadline;
  generation.params = ToParams(request, info, Random64());
  absl::StatusOr<std::vector<model::TokenId>> prompt = PromptTokens(request, tokenizer);
  if (!prompt.ok()) return prompt.status();
  if (request.has_truncation()) {
    const std::size_t limit =
        TruncationLimit(request.truncation(), generation.params.stopping.max_new_tokens, info);
    prepared.truncated_tokens = Truncate(request.truncation().side(), limit, *prompt);
  }
  if (absl::Status status = CheckPromptLength(request, prompt->size(), info); !status.ok()) {
    return status;
  }
  generation.id = request.request_id().empty() ? MakeRequestId() : request.request_id();
  generation.prompt = *std::move(prompt);
  if (absl::Status status = CheckFitsCache(generation, info); !status.ok()) return status;
  prepared.report_token_ids = request.response().token_ids();
  return prepared;
}

}  // namespace cascade::server
