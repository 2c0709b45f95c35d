// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/v1/response.h"

#include <algorithm>

#include "absl/strings/string_view.h"
#include "model/tokenizer/tokenizer.h"
#include "server/grpc/duration.h"
#include "server/grpc/model_info.h"
#include "server/grpc/v1/to_uint32.h"

namespace cascade::server {
namespace {

v1::FinishReason ToReason(model::FinishReason reason) {
  switch (reason) {
    case model::FinishReason::kEos:
      return v1::FINISH_REASON_EOS;
    case model::FinishReason::kStopToken:
      return v1::FINISH_REASON_STOP_TOKEN;
    case model::FinishReason::kStopString:
      return v1::FINISH_REASON_STOP_STRING;
    case model::FinishReason::kConstraintComplete:
      return v1::FINISH_REASON_CONSTRAINT_COMPLETE;
    case model::FinishReason::kMaxTokens:
      return v1::FINISH_REASON_MAX_TOKENS;
    case model::FinishReason::kContextFull:
      return v1::FINISH_REASON_CONTEXT_FULL;
    case model::FinishReason::kTimeLimit:
      return v1::FINISH_REASON_TIME_LIMIT;
  }
  return v1::FINISH_REASON_UNSPECIFIED;
}

// REQUIRES: the choice has finished.
void FillFinish(const Answer& answer, std::size_t place, v1::Finish& out) {
  const std::size_t choice = answer.ChoiceAt(place);
  const model::Finish& finish = *answer.finish(choice);
  out.set_index(ToUint32(place));
  out.set_reason(ToReason(finish.reason));
  out.set_matched_stop(finish.matched_stop);
  if (finish.matched_token.has_value()) out.set_matched_token_id(*finish.matched_token);
  out.set_generated_tokens(ToUint32(answer.resumed_tokens() + answer.generated_tokens(choice)));
  if (!answer.has_beams()) out.set_seed(answer.seed(choice));
  if (finish.beam_score) out.set_beam_score(*finish.beam_score);
}

void FillSummary(const Answer& answer, const ModelInfo& info, v1::Summary& summary) {
  v1::Usage& usage = *summary.mutable_usage();
  usage.set_prompt_tokens(ToUint32(answer.prompt_tokens()));
  usage.set_generated_tokens(ToUint32(answer.resumed_tokens() + answer.generated_tokens()));
  usage.set_cached_tokens(CachedTokens(answer, info));
  usage.set_drafted_tokens(ToUint32(answer.run_stats().drafted_tokens));
  usage.set_accepted_tokens(ToUint32(answer.run_stats().accepted_tokens));
  ToProto(answer.timings().queue, *summary.mutable_timings()->mutable_queue());
  ToProto(answer.timings().prefill, *summary.mutable_timings()->mutable_prefill());
  ToProto(answer.timings().decode, *summary.mutable_timings()->mutable_decode());
  summary.set_fingerprint(info.fingerprint);
}

// Leaves the field `token` of a message empty for a token that the tokenizer does not know: a
// padded embedding's.
template <typename Message>
void SetBytes(model::TokenId id, const model::Tokenizer& tokenizer, Message& message) {
  if (id >= tokenizer.vocab_size()) return;
  const absl::string_view bytes = tokenizer.Bytes(id);
  message.set_token(bytes.data(), bytes.size());
}

void FillCandidate(const model::TokenLogProb& candidate, const model::Tokenizer& tokenizer,
                   v1::TokenLogProbs::Candidate& out) {
  out.set_token_id(candidate.token);
  out.set_logprob(candidate.log_prob);
  SetBytes(candidate.token, tokenizer, out);
}

}  // namespace

void FillLogProbs(const model::GeneratedToken& token, const model::Tokenizer& tokenizer, bool bytes,
                  v1::TokenLogProbs& out) {
  out.set_token_id(token.id);
  if (bytes) SetBytes(token.id, tokenizer, out);
  if (!token.log_probs) return;  // the prompt's first
  out.set_logprob(token.log_probs->chosen);
  out.set_rank(ToUint32(token.log_probs->rank));
  for (const model::TokenLogProb& candidate : token.log_probs->candidates) {
    FillCandidate(candidate, tokenizer, *out.add_candidates());
  }
  for (const model::TokenLogProb& candidate : token.log_probs->given) {
    FillCandidate(candidate, tokenizer, *out.add_given_candidates());
  }
}

std::uint32_t CachedTokens(const Answer& answer, const ModelInfo& info) {
  return info.report_cached_tokens ? ToUint32(answer.cached_tokens()) : 0;
}

template <typename Message>
void V1Encoder::TakeDelta(Answer& answer, std::size_t choice, Message& message) {
  answer.TakeDelta(choice, delta_);
  // Swapped, not copied: the message's old string is what the next steps are appended to.
  message.mutable_text()->swap(delta_.text);
  for (const model::GeneratedToken& token : delta_.tokens) {
    if (report_.token_ids) message.add_token_ids(token.id);
    if (!report_.log_probs || !token.log_probs) continue;
    FillLogProbs(token, *tokenizer_, report_.bytes, *message.add_logprobs());
  }
}

void V1Encoder::FillPrompt(const Answer& answer, v1::PromptInfo& prompt) {
  prompt.set_request_id(answer.request_id());
  prompt.set_prompt_tokens(ToUint32(answer.prompt_tokens()));
  prompt.set_truncated_tokens(ToUint32(answer.truncated_tokens()));
  prompt.set_cached_tokens(CachedTokens(answer, *info_));
  for (const model::GeneratedToken& token : answer.prompt()) {
    FillLogProbs(token, *tokenizer_, report_.bytes, *prompt.add_logprobs());
  }
  prompt.set_text(std::move(report_.prompt_text));
  if (!answer.has_beams()) prompt.set_seed(answer.seed(0));
  prompt.set_fingerprint(info_->fingerprint);
}

bool V1Encoder::Encode(Answer& answer, v1::GenerateEvent& event) {
  switch (next_) {
    case Next::kPrompt:
      if (!answer.started() || !answer.has_prompt()) return false;
      FillPrompt(answer, *event.mutable_prompt());
      next_ = Next::kChoices;
      return true;
    case Next::kChoices:
      if (!answer.ShowsChoices()) return false;
      finished_.resize(answer.shown());
      if (EncodeChoice(answer, event)) return true;
      if (std::find(finished_.begin(), finished_.end(), false) != finished_.end()) return false;
      next_ = Next::kSummary;
      [[fallthrough]];
    case Next::kSummary:
      if (!answer.outcome() || !answer.outcome()->ok()) return false;
      FillSummary(answer, *info_, *event.mutable_summary());
      next_ = Next::kNothing;
      return true;
    case Next::kNothing:
      return false;
  }
  return false;
}

bool V1Encoder::EncodeChoice(Answer& answer, v1::GenerateEvent& event) {
  for (std::size_t place = 0; place < answer.shown(); ++place) {
    const std::size_t choice = answer.ChoiceAt(place);
    const bool is_enough = answer.finish(choice) || answer.outcome() ||
                           answer.BacklogOf(choice).tokens >= report_.interval;
    if (answer.HasDelta(choice) && is_enough) {
      event.mutable_delta()->Clear();  // which keeps its memory
      event.mutable_delta()->set_index(ToUint32(place));
      TakeDelta(answer, choice, *event.mutable_delta());
      return true;
    }
    if (!answer.finish(choice) || finished_[place]) continue;
    FillFinish(answer, place, *event.mutable_finish());
    finished_[place] = true;
    return true;
  }
  return false;
}

void V1Encoder::Append(Answer& answer, v1::GenerateResponse& response) {
  FillPrompt(answer, *response.mutable_prompt());
  for (std::size_t place = 0; place < answer.shown(); ++place) {
    v1::Choice& message = *response.add_choices();
    TakeDelta(answer, answer.ChoiceAt(place), message);
    FillFinish(answer, place, *message.mutable_finish());
  }
  FillSummary(answer, *info_, *response.mutable_summary());
}

}  // namespace cascade::server
