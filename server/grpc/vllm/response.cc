// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/vllm/response.h"

#include <algorithm>
#include <optional>
#include <string>

#include "server/grpc/model_info.h"

namespace cascade::server {
namespace {

// Counts are far below 2^32: limits see to it.
std::uint32_t ToUint32(std::size_t value) { return static_cast<std::uint32_t>(value); }

// Abort ended it, since to a client that has gone away nothing is sent.
bool WasAborted(const Answer& answer) {
  return answer.outcome() && absl::IsCancelled(*answer.outcome());
}

const char* FinishReason(model::FinishReason reason) {
  switch (reason) {
    case model::FinishReason::kEos:
    case model::FinishReason::kStopToken:
    case model::FinishReason::kStopString:
    case model::FinishReason::kConstraintComplete:
      return "stop";
    case model::FinishReason::kMaxTokens:
    case model::FinishReason::kContextFull:
    case model::FinishReason::kTimeLimit:
      break;
  }
  return "length";
}

// The `most` best; none if log-probabilities of other tokens are not wanted.
void FillTop(const model::LogProbs& log_probs, std::size_t most, engine_pb::TopLogProbs& out) {
  const std::size_t count = std::min(most, log_probs.candidates.size());
  for (std::size_t i = 0; i < count; ++i) {
    out.add_values(log_probs.candidates[i].log_prob);
    out.add_token_ids(log_probs.candidates[i].token);
  }
}

void FillOutput(const std::vector<model::GeneratedToken>& tokens, std::size_t candidates,
                engine_pb::OutputLogProbs& out) {
  for (const model::GeneratedToken& token : tokens) {
    if (!token.log_probs) continue;
    out.add_token_logprobs(token.log_probs->chosen);
    out.add_token_ids(token.id);
    FillTop(*token.log_probs, candidates, *out.add_top_logprobs());
  }
}

void FillInput(const std::vector<model::GeneratedToken>& tokens, std::size_t candidates,
               engine_pb::InputLogProbs& out) {
  for (const model::GeneratedToken& token : tokens) {
    engine_pb::InputTokenLogProb& log_prob = *out.add_token_logprobs();
    engine_pb::TopLogProbs& top = *out.add_top_logprobs();
    out.add_token_ids(token.id);
    if (!token.log_probs) continue;  // the first
    log_prob.set_value(token.log_probs->chosen);
    FillTop(*token.log_probs, candidates, top);
  }
}

void FillMatchedStop(const model::Finish& finish, engine_pb::GenerateComplete& complete) {
  if (finish.reason == model::FinishReason::kStopToken && finish.matched_token) {
    complete.set_matched_token_id(*finish.matched_token);
  } else if (finish.reason == model::FinishReason::kStopString) {
    complete.set_matched_stop_str(finish.matched_stop);
  }
}

}  // namespace

bool VllmEncoder::Encode(Answer& answer, Event& event) {
  const bool aborted = WasAborted(answer);
  const bool failed = answer.outcome() && !answer.outcome()->ok() && !aborted;
  if (complete_ || (!report_.stream && (failed || !answer.ShowsChoices()))) return false;
  if (report_.log_probs.prompt && !answer.has_prompt()) return false;
  choices_.resize(answer.shown());
  for (std::size_t place = 0; place < choices_.size(); ++place) {
    if (choices_[place].is_complete) continue;
    const std::size_t choice = answer.ChoiceAt(place);
    if (report_.stream && answer.HasDelta(choice)) {
      answer.TakeDelta(choice, delta_);
      if (EncodeChunk(answer, place, event)) return true;
    }
    if (!aborted && !answer.finish(choice)) continue;
    if (IsLast(place) && !answer.outcome()) continue;  // it tells of the whole request
    if (!report_.stream) answer.TakeDelta(choice, delta_);
    complete_ = IsLast(place);
    EncodeComplete(answer, place, event);
    return true;
  }
  return false;
}

bool VllmEncoder::IsLast(std::size_t place) const {
  for (std::size_t other = 0; other < choices_.size(); ++other) {
    if (other != place && !choices_[other].is_complete) return false;
  }
  return true;
}

template <typename Message>
void VllmEncoder::FillCommon(const Answer& answer, std::size_t place, Message& message) {
  message.set_index(ToUint32(place));
  message.set_prompt_tokens(ToUint32(answer.prompt_tokens()));
  message.set_completion_tokens(ToUint32(answer.generated_tokens(answer.ChoiceAt(place))));
  if (info_->report_cached_tokens) message.set_cached_tokens(ToUint32(answer.cached_tokens()));
  if (report_.log_probs.output && !delta_.tokens.empty()) {
    FillOutput(delta_.tokens, *report_.log_probs.output, *message.mutable_output_logprobs());
  }
  if (report_.log_probs.prompt && !choices_[place].has_first) {
    FillInput(answer.prompt(), *report_.log_probs.prompt, *message.mutable_input_logprobs());
  }
  choices_[place].has_first = true;
}

// False if what was added is text alone, which clients make themselves.
bool VllmEncoder::EncodeChunk(const Answer& answer, std::size_t place, Event& event) {
  if (delta_.tokens.empty()) return false;
  engine_pb::GenerateStreamChunk& chunk = *event.mutable_chunk();
  chunk.Clear();  // which keeps its memory
  for (const model::GeneratedToken& token : delta_.tokens) {
    chunk.add_token_ids(token.id);
    choices_[place].ids.push_back(token.id);
  }
  FillCommon(answer, place, chunk);
  return true;
}

void VllmEncoder::EncodeComplete(const Answer& answer, std::size_t place, Event& event) {
  engine_pb::GenerateComplete& complete = *event.mutable_complete();
  complete.Clear();
  Choice& choice = choices_[place];
  if (report_.stream) {
    complete.mutable_output_ids()->Assign(choice.ids.begin(), choice.ids.end());
    delta_.tokens.clear();  // chunks have told them
  }
  for (const model::GeneratedToken& token : delta_.tokens) complete.add_output_ids(token.id);
  FillCommon(answer, place, complete);
  choice.is_complete = true;
  const std::optional<model::Finish>& finish = answer.finish(answer.ChoiceAt(place));
  complete.set_finish_reason(finish ? FinishReason(finish->reason) : "abort");
  if (finish) FillMatchedStop(*finish, complete);
  if (!complete_) return;
  complete.set_spec_accepted_tokens(ToUint32(answer.run_stats().accepted_tokens));
  complete.set_spec_draft_tokens(ToUint32(answer.run_stats().drafted_tokens));
}

void VllmEmbedEncoder::Append(Answer& answer, Response& response) {
  const std::vector<float> vector = answer.hidden().Take();
  response.mutable_embedding()->Assign(vector.begin(), vector.end());
  response.set_prompt_tokens(ToUint32(answer.prompt_tokens()));
  response.set_embedding_dim(ToUint32(vector.size()));
}

}  // namespace cascade::server
