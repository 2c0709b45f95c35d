// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/preparation.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "model/generation/decoding.h"
#include "model/generation/decoding_step.h"
#include "model/generation/generation_params.h"
#include "model/kernels/kv_block.h"
#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/utf8_stream.h"
#include "server/engine/clock.h"
#include "server/engine/limits.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/text_request.h"
#include "server/grpc/request/validation.h"
#include "server/grpc/request/violations.h"

namespace cascade::server {
namespace {

// Not std::random_device: for each one libstdc++ asks the CPU what it can do, which in a virtual
// machine takes some 20 microseconds.
std::uint64_t Random64() {
  thread_local absl::BitGen random;
  return random();
}

absl::StatusOr<std::vector<model::TokenId>> PromptTokens(const TextRequest& request,
                                                         const model::Tokenizer& tokenizer) {
  if (request.text) {
    return tokenizer.Encode(*request.text, request.parse_special_tokens
                                               ? model::SpecialTokens::kAsToken
                                               : model::SpecialTokens::kAsText);
  }
  return std::vector<model::TokenId>(request.token_ids->begin(), request.token_ids->end());
}

// An error if the text has a token that only the tokenizer has. Token ids were checked before.
absl::Status CheckPromptTokens(const TextRequest& request,
                               const std::vector<model::TokenId>& prompt, const ModelInfo& info) {
  Violations violations(request.field_name);
  if (request.text) CheckTokensOfText("text", prompt, info, violations);
  return violations.ToStatus();
}

// The longest prompt to keep: as the request says, or else what leaves room for all that it wants
// to generate, if anything does.
std::size_t TruncationLimit(const TextRequest::Truncation& truncation, std::size_t max_new_tokens,
                            const ModelInfo& info) {
  if (truncation.max_prompt_tokens) {
    return std::min(*truncation.max_prompt_tokens, info.MaxPromptTokens());
  }
  if (max_new_tokens >= info.MaxTotalTokens()) return info.MaxPromptTokens();
  return info.MaxTotalTokens() - max_new_tokens;
}

model::PenaltyParams ToParams(const TextRequest::Penalties& penalties,
                              const model::GenerationConfig& defaults) {
  model::PenaltyParams params;
  params.repetition = penalties.repetition.value_or(defaults.repetition_penalty);
  params.presence = penalties.presence;
  params.frequency = penalties.frequency;
  params.window = penalties.window;
  if (penalties.count_prompt) {
    params.repetition_counts_prompt = *penalties.count_prompt;
    params.presence_and_frequency_count_prompt = *penalties.count_prompt;
  }
  params.no_repeat_ngram_size =
      penalties.no_repeat_ngram_size.value_or(defaults.no_repeat_ngram_size);

  const TextRequest::Dry& dry = penalties.dry;
  params.dry.multiplier = dry.multiplier;
  params.dry.base = dry.base.value_or(params.dry.base);
  params.dry.allowed_length = dry.allowed_length.value_or(params.dry.allowed_length);
  params.dry.window = dry.window;
  if (dry.breakers.empty()) return params;
  params.dry.breakers.clear();
  for (const absl::string_view breaker : dry.breakers) params.dry.breakers.emplace_back(breaker);
  return params;
}

model::BeamParams ToParams(const TextRequest::Beams& beams, std::size_t returned) {
  model::BeamParams params;
  params.width = beams.width;
  params.returned = returned;
  params.length_penalty = beams.length_penalty.value_or(params.length_penalty);
  params.early_stopping = beams.early_stopping;
  params.groups = beams.groups;
  params.diversity_penalty = beams.diversity_penalty;
  return params;
}

// Each word as it is and after a space, as a text has it at its beginning and within.
absl::StatusOr<std::vector<std::vector<model::TokenId>>> BannedSequences(
    const TextRequest::TokenRules& rules, const model::Tokenizer& tokenizer) {
  std::vector<std::vector<model::TokenId>> sequences;
  for (const absl::string_view word : rules.banned_words) {
    for (const std::string& text : {std::string(word), absl::StrCat(" ", word)}) {
      absl::StatusOr<std::vector<model::TokenId>> tokens =
          tokenizer.Encode(text, model::SpecialTokens::kAsText);
      if (!tokens.ok()) return tokens.status();
      if (!tokens->empty()) sequences.push_back(*std::move(tokens));
    }
  }
  for (const std::span<const model::TokenId> sequence : rules.banned_sequences) {
    sequences.emplace_back(sequence.begin(), sequence.end());
  }
  return sequences;
}

// How choice `choice` is drawn where that is said: `params` is what the request says of all.
model::SamplingParams OfChoice(const TextRequest::ChoiceSampling& own, std::size_t choice,
                               model::SamplingParams params) {
  params.temperature = own.temperature.value_or(params.temperature);
  params.top_k = own.top_k.value_or(params.top_k);
  params.top_p = own.top_p.value_or(params.top_p);
  params.min_p = own.min_p.value_or(params.min_p);
  params.typical_p = own.typical_p.value_or(params.typical_p);
  params.top_n_sigma = own.top_n_sigma.value_or(params.top_n_sigma);
  params.seed = own.seed.value_or(params.seed + choice);
  return params;
}

model::GenerationParams ToParams(const TextRequest& request, const ModelInfo& info) {
  const model::GenerationConfig& defaults = info.defaults;
  model::GenerationParams params;
  params.penalties = ToParams(request.penalties, defaults);
  params.tokens.bias = request.token_rules.bias;
  params.tokens.allowed.assign(request.token_rules.allowed.begin(),
                               request.token_rules.allowed.end());
  std::ranges::sort(params.tokens.allowed);  // here, not on the worker's thread for each choice
  params.tokens.banned.assign(request.token_rules.banned.begin(), request.token_rules.banned.end());

  const TextRequest::Sampling& sampling = request.sampling;
  params.sampling.temperature = sampling.temperature.value_or(defaults.temperature);
  params.sampling.top_k = sampling.top_k.value_or(defaults.top_k);
  params.sampling.top_p = sampling.top_p.value_or(defaults.top_p);
  params.sampling.min_p = sampling.min_p.value_or(defaults.min_p);
  params.sampling.typical_p = sampling.typical_p.value_or(defaults.typical_p);
  params.sampling.top_n_sigma = sampling.top_n_sigma.value_or(0.0F);
  params.sampling.seed = sampling.seed ? *sampling.seed : Random64();

  if (request.beams) params.beams = ToParams(*request.beams, request.sampling.n);

  const TextRequest::Stopping& stopping = request.stopping;
  params.stopping.max_new_tokens = MaxNewTokens(request, info);
  params.stopping.min_new_tokens = stopping.min_new_tokens;
  if (!stopping.ignore_eos) params.stopping.eos_token_ids = defaults.eos_token_ids;
  params.stopping.stop_token_ids.assign(stopping.stop_token_ids.begin(),
                                        stopping.stop_token_ids.end());
  for (const absl::string_view stop : stopping.stop) params.stopping.stop.emplace_back(stop);
  params.stopping.include_stop = stopping.include_stop;
  if (stopping.length_penalty) params.stopping.length_penalty = *stopping.length_penalty;

  params.output.logprobs = request.response.logprobs || request.sampling.best_of > 0;
  if (request.response.processed) params.output.distribution = model::Distribution::kProcessed;
  params.output.candidates = request.response.candidates;
  params.output.candidate_ids.assign(request.response.candidate_ids.begin(),
                                     request.response.candidate_ids.end());
  params.output.ranks = request.response.ranks;
  params.output.prompt_logprobs_from = request.response.prompt_logprobs_from;
  params.output.special_tokens_in_text = request.response.special_tokens_in_text;
  return params;
}

// With U+FFFD for bytes that are not UTF-8.
std::string TextOf(std::span<const model::TokenId> tokens, const model::Tokenizer& tokenizer) {
  model::Utf8Stream utf8;
  std::string text = utf8.Push(tokenizer.Decode(tokens));
  return text + utf8.Flush();
}

// Adds the tokens that the request resumes to the prompt. An error if they cannot be an answer's
// beginning, but for its constraint: that is the worker's thread's, which looks once more.
absl::Status AddResumed(const TextRequest& request, const ModelInfo& info,
                        const model::Tokenizer& tokenizer, GenerationRequest& generation) {
  if (request.resumed.empty()) return absl::OkStatus();
  model::Decoding decoding(generation.params, /*choice=*/0, generation.prompt, info.config.n_ctx,
                           tokenizer);
  if (const absl::Status status = decoding.Resume(request.resumed); !status.ok()) {
    Violations violations(request.field_name);
    violations.Add("resumed", status.message());
    return violations.ToStatus();
  }
  generation.prompt.insert(generation.prompt.end(), request.resumed.begin(), request.resumed.end());
  generation.resumed = request.resumed.size();
  return absl::OkStatus();
}

// When and how the worker runs it, which has no part in what is generated.
void SetSchedule(const TextRequest& request, absl::Time arrival, GenerationRequest& generation) {
  if (request.stopping.time_limit) generation.finish_by = arrival + *request.stopping.time_limit;
  generation.priority = request.priority;
  generation.use_prefix_cache = !request.cache.bypass;
  generation.cache_salt = std::string(request.cache.salt);
  generation.speculate = request.speculation;
}

constexpr std::size_t kIdBytes = 8;

// A token's log-probability and its candidates as a message, every token the vocabulary's longest.
std::size_t LogProbBytes(const GenerationRequest& generation, const ModelInfo& info) {
  constexpr std::size_t kLogProbBytes = 32;
  const model::OutputParams& output = generation.params.output;
  return (1 + output.candidates + output.candidate_ids.size()) *
         (info.max_token_bytes + kIdBytes + kLogProbBytes);
}

// Of those of the prompt that are asked for.
std::size_t PromptBytes(const GenerationRequest& generation, const ModelInfo& info) {
  return (generation.prompt.size() - FirstScored(generation)) * LogProbBytes(generation, info);
}

// The most tokens that an answer can have.
std::size_t MostTokens(const GenerationRequest& generation, const ModelInfo& info) {
  return std::min<std::size_t>(generation.params.stopping.max_new_tokens,
                               info.MaxTotalTokens() - generation.prompt.size());
}

// Of one copy.
std::size_t RuleBytes(const model::TokenRules& rules) {
  std::size_t bytes = rules.bias.size() * sizeof(model::TokenBias) +
                      (rules.allowed.size() + rules.banned.size()) * sizeof(model::TokenId);
  for (const auto& sequence : rules.banned_sequences) {
    bytes += sizeof(sequence) + sequence.size() * sizeof(model::TokenId);
  }
  return bytes;
}

constexpr std::size_t kBytesForToken = 64;  // of the prompt, in a choice

// What token rules and further choices take in the engine. Each choice has its own copy of the
// parameters, the rules once more in its processors, its own tokens in up to four of these, and a
// row of logits; another of probabilities if the log-probabilities of what it draws from are told.
std::size_t StateBytes(const GenerationRequest& generation, const ModelInfo& info) {
  const std::size_t rule_bytes = RuleBytes(generation.params.tokens);
  const std::size_t rows =
      generation.params.output.distribution == model::Distribution::kProcessed ? 2 : 1;
  const std::size_t choice_bytes =
      rows * info.config.vocab_size * sizeof(float) + generation.prompt.size() * kBytesForToken;
  return generation.choices * 2 * rule_bytes + (generation.choices - 1) * choice_bytes;
}

// What beams take in the engine beside that. Each has a row of logits, kept until the others have
// theirs. There are tokens of those that are open, that have ended, and that are about to; and
// where beams split, the rules and the prompt once more for those that come, before the old ones
// go.
std::size_t BeamBytes(const GenerationRequest& generation, const ModelInfo& info) {
  if (!generation.params.beams) return 0;
  constexpr std::size_t kLists = 4;
  const model::OutputParams& output = generation.params.output;
  const std::size_t token_bytes =
      sizeof(model::DecodingStep) +
      (output.candidates + output.candidate_ids.size()) * sizeof(model::TokenLogProb) +
      info.max_token_bytes;
  const std::size_t split_bytes =
      2 * RuleBytes(generation.params.tokens) + generation.prompt.size() * kBytesForToken;
  return generation.choices * (info.config.vocab_size * sizeof(float) + split_bytes +
                               kLists * MostTokens(generation, info) * token_bytes);
}

// What the longest answer to `generation` would have as one message: every token the vocabulary's
// longest, each with its id, and with its log-probabilities and candidates if they are asked for.
std::size_t AnswerBytes(const GenerationRequest& generation, const ModelInfo& info) {
  const model::GenerationParams& params = generation.params;
  std::size_t bytes_per_token = info.max_token_bytes + kIdBytes;
  if (params.output.logprobs) bytes_per_token += LogProbBytes(generation, info);
  const std::size_t answers = params.beams ? params.beams->returned : generation.choices;
  return answers * MostTokens(generation, info) * bytes_per_token;
}

// Sequences that the answer takes in the engine, and the field that says how many.
std::size_t Choices(const TextRequest& request) {
  if (request.beams) return request.beams->width;
  return std::max(request.sampling.n, request.sampling.best_of);
}
absl::string_view ChoicesField(const TextRequest& request) {
  if (request.beams) return "beam_search.width";
  return request.sampling.best_of > request.sampling.n ? "sampling.best_of.choices" : "sampling.n";
}

// A default is a bound: where the KV cache holds less than a default max_new_tokens, that is cut to
// what fits, but not below what the request asks for at least.
void CutDefaultToCache(const TextRequest& request, const ModelInfo& info,
                       GenerationRequest& generation) {
  const std::size_t prompt = generation.prompt.size();
  if (request.stopping.max_new_tokens || prompt > info.cache_positions) return;
  std::size_t& max_new_tokens = generation.params.stopping.max_new_tokens;
  if (info.cache_positions < info.config.n_ctx) {
    max_new_tokens = std::max(std::min(max_new_tokens, info.cache_positions + 1 - prompt),
                              generation.params.stopping.min_new_tokens);
  }
}

// Whether the tokenized prompt leaves room for a token, and fits the KV cache together with
// max_new_tokens.
absl::Status CheckFits(const TextRequest& request, const GenerationRequest& generation,
                       const ModelInfo& info) {
  Violations violations(request.field_name);
  const std::size_t prompt = generation.prompt.size();
  if (prompt > info.MaxPromptTokens()) {
    violations.Add(request.text ? "text" : "token_ids",
                   PromptTooLong(absl::StrCat("is ", prompt, " tokens"), info));
    return violations.ToStatus();
  }
  const std::size_t needed = PositionsNeeded(generation, info.config.n_ctx);
  if (needed > info.cache_positions) {
    violations.Add(
        request.stopping.max_new_tokens ? "stopping.max_new_tokens" : "stopping.min_new_tokens",
        absl::StrCat("is ", generation.params.stopping.max_new_tokens, "; with a prompt of ",
                     prompt, " tokens that takes ", needed,
                     " positions of the KV cache, which has ", info.cache_positions, "; at most ",
                     info.MaxTotalTokens() - prompt, " would fit"));
    return violations.ToStatus();
  }
  const std::size_t blocks = BlocksNeeded(generation, info.config.n_ctx);
  const std::size_t all_blocks = info.cache_positions / model::kernels::kBlockPositions;
  if (blocks > all_blocks) {
    violations.Add(
        ChoicesField(request),
        absl::StrCat("is ", generation.choices, "; with a prompt of ", prompt,
                     " tokens and max_new_tokens ", generation.params.stopping.max_new_tokens,
                     " that takes ", blocks, " blocks of the KV cache, which has ", all_blocks));
  }
  return violations.ToStatus();
}

}  // namespace

std::string MakeRequestId() { return absl::StrCat(absl::Hex(Random64(), absl::kZeroPad16)); }

std::size_t Truncate(bool keep_beginning, std::size_t limit, std::vector<model::TokenId>& prompt) {
  if (prompt.size() <= limit) return 0;
  const std::size_t dropped = prompt.size() - limit;
  if (keep_beginning) {
    prompt.resize(limit);
  } else {
    prompt.erase(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(dropped));
  }
  return dropped;
}

absl::StatusOr<PreparedRequest> Prepare(const TextRequest& request, absl::Time deadline,
                                        const ModelInfo& info, const model::Tokenizer& tokenizer) {
  const absl::Time arrival = MonotonicNow();
  if (deadline <= arrival) return absl::DeadlineExceededError("the deadline has passed");
  absl::StatusOr<std::vector<model::TokenId>> prompt = PromptTokens(request, tokenizer);
  if (!prompt.ok()) return prompt.status();
  if (absl::Status status = CheckPromptTokens(request, *prompt, info); !status.ok()) return status;
  PreparedRequest prepared;
  if (request.truncation) {
    const std::size_t limit =
        TruncationLimit(*request.truncation, MaxNewTokens(request, info), info);
    prepared.truncated_tokens = Truncate(request.truncation->keep_beginning, limit, *prompt);
  }
  GenerationRequest& generation = prepared.generation;
  generation.prompt = *std::move(prompt);
  generation.params = ToParams(request, info);
  absl::StatusOr<std::vector<std::vector<model::TokenId>>> banned =
      BannedSequences(request.token_rules, tokenizer);
  if (!banned.ok()) return banned.status();
  generation.params.tokens.banned_sequences = *std::move(banned);
  generation.choices = Choices(request);
  for (const TextRequest::ChoiceSampling& own : request.sampling.per_choice) {
    generation.choice_sampling.push_back(
        OfChoice(own, generation.choice_sampling.size(), generation.params.sampling));
  }
  CutDefaultToCache(request, info, generation);
  if (absl::Status status = CheckFits(request, generation, info); !status.ok()) return status;
  generation.id = request.request_id.empty() ? MakeRequestId() : std::string(request.request_id);
  generation.deadline = deadline;
  SetSchedule(request, arrival, generation);
  prepared.answer_bytes = AnswerBytes(generation, info);
  prepared.prompt_bytes = PromptBytes(generation, info);
  if (request.response.echo) {
    prepared.prompt_text = TextOf(generation.prompt, tokenizer);
    prepared.prompt_bytes += prepared.prompt_text.size();
  }
  prepared.state_bytes = StateBytes(generation, info) + BeamBytes(generation, info);
  if (absl::Status status = AddResumed(request, info, tokenizer, generation); !status.ok()) {
    return status;
  }
  return prepared;
}

}  // namespace cascade::server
