// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/bench/workload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::cli::bench {
namespace {

bool IsShare(double value) { return value >= 0 && value <= 1; }

absl::Status CheckRanges(const WorkloadOptions& options) {
  const auto fail = [](auto... words) {
    return absl::InvalidArgumentError(absl::StrCat(words...));
  };
  if (!IsShare(options.cancel_rate)) {
    return fail("--cancel_rate is a share from 0 to 1, not ", options.cancel_rate);
  }
  if (!IsShare(options.slow_readers)) {
    return fail("--slow_readers is a share from 0 to 1, not ", options.slow_readers);
  }
  if (options.read_delay <= absl::ZeroDuration() || options.read_delay > absl::Minutes(1)) {
    return fail("--read_delay is a time up to 1m, not ", absl::FormatDuration(options.read_delay));
  }
  return absl::OkStatus();
}

absl::Status CheckLengths(const WorkloadOptions& options, const v1::GetModelResponse& model) {
  const v1::GetModelResponse::Limits& limits = model.limits();
  const std::uint32_t prompt = options.prompt_tokens.max();
  const std::uint32_t output = options.output_tokens.max();
  if (prompt <= limits.max_prompt_tokens() &&
      std::uint64_t{prompt} + output <= limits.max_total_tokens()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--prompt_tokens goes up to ", prompt, " and --output_tokens to ", output, "; ",
                   model.name(), " takes prompts of ", limits.max_prompt_tokens(), " tokens, and ",
                   limits.max_total_tokens(), " with the answer"));
}

}  // namespace

absl::StatusOr<Workload> Workload::Create(WorkloadOptions options,
                                          const v1::GetModelResponse& model,
                                          std::string cache_salt) {
  if (absl::Status status = CheckRanges(options); !status.ok()) return status;
  if (absl::Status status = CheckLengths(options, model); !status.ok()) return status;
  return Workload(std::move(options), model, std::move(cache_salt));
}

Workload::Workload(WorkloadOptions options, const v1::GetModelResponse& model,
                   std::string cache_salt)
    : options_(std::move(options)),
      cache_salt_(std::move(cache_salt)),
      vocab_size_(model.architecture().vocab_size()),
      eos_token_ids_(model.defaults().eos_token_ids().begin(),
                     model.defaults().eos_token_ids().end()) {
  Random random = SeededRandom(options_.seed, Purpose::kPrefix, 0);
  for (std::uint32_t i = 0;
       i < std::min(options_.shared_prefix_tokens, options_.prompt_tokens.max()); ++i) {
    shared_prefix_.push_back(RandomToken(random));
  }
}

std::uint32_t Workload::RandomToken(Random& random) const {
  const std::uint32_t token = UniformInt(0, vocab_size_ - 1, random);
  const bool ends =
      std::find(eos_token_ids_.begin(), eos_token_ids_.end(), token) != eos_token_ids_.end();
  return ends ? (token + 1) % vocab_size_ : token;
}

void Workload::FillRequest(Random& random, v1::GenerateRequest& request) const {
  const std::uint32_t prompt_tokens = options_.prompt_tokens.Draw(random);
  auto& ids = *request.mutable_token_ids()->mutable_ids();
  const std::size_t shared = std::min<std::size_t>(prompt_tokens, shared_prefix_.size());
  ids.Add(shared_prefix_.begin(), shared_prefix_.begin() + static_cast<std::ptrdiff_t>(shared));
  while (ids.size() < static_cast<int>(prompt_tokens)) ids.Add(RandomToken(random));
  request.mutable_stopping()->set_max_new_tokens(options_.output_tokens.Draw(random));
  request.mutable_stopping()->set_ignore_eos(options_.ignore_eos);
  request.mutable_sampling()->set_temperature(options_.temperature);
  request.mutable_sampling()->set_seed(random());
  request.mutable_response()->set_token_ids(true);  // how many tokens a message brings
  request.mutable_cache()->set_salt(cache_salt_);
  request.mutable_cache()->set_bypass(options_.bypass_cache);
  if (options_.speculation) request.set_speculation(*options_.speculation);
}

RequestPlan Workload::Plan(std::uint64_t index) const {
  Random random = SeededRandom(options_.seed, Purpose::kRequest, index);
  RequestPlan plan;
  FillRequest(random, plan.request);
  if (UniformReal(random) < options_.cancel_rate) {
    plan.cancel_after = UniformInt(1, plan.request.stopping().max_new_tokens(), random);
  }
  if (UniformReal(random) < options_.slow_readers) plan.read_delay = options_.read_delay;
  return plan;
}

}  // namespace cascade::cli::bench
