// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/v1/scoring.h"

#include "server/grpc/model_info.h"
#include "server/grpc/v1/batch_messages.h"
#include "server/grpc/v1/response.h"
#include "server/grpc/v1/to_uint32.h"

namespace cascade::server {
ScoringRequest ToScoringRequest(const v1::ScoreRequest& message) {
  ScoringRequest request;
  FillBatchRequest(message, request);
  request.logprobs = message.logprobs();
  for (const v1::ScoreRequest::Item& from : message.items()) {
    ScoringRequest::Item& item = request.items.emplace_back();
    item.prompt = ToInput(from.prompt());
    for (const v1::Input& input : from.continuations()) {
      item.continuations.push_back(ToInput(input));
    }
  }
  return request;
}

bool ScoreEncoder::Encode(Answer& answer, v1::ScoreEvent& event) {
  switch (next_) {
    case Next::kScore: {
      if (!answer.outcome() || !answer.outcome()->ok()) return false;
      event.mutable_score()->Clear();
      FillScore(answer, *event.mutable_score());
      v1::Usage& usage = progress_->usage;
      usage.set_prompt_tokens(usage.prompt_tokens() + ToUint32(answer.prompt_tokens()));
      usage.set_cached_tokens(usage.cached_tokens() + CachedTokens(answer, progress_->info));
      if (item_ == 0 && continuation_ == 0) progress_->queue = answer.timings().queue;
      next_ = --progress_->left == 0 ? Next::kSummary : Next::kNothing;
      return true;
    }
    case Next::kSummary:
      FillSummary(*event.mutable_summary());
      next_ = Next::kNothing;
      return true;
    case Next::kNothing:
      return false;
  }
  return false;
}

void ScoreEncoder::FillScore(const Answer& answer, v1::ContinuationScore& score) const {
  score.set_item(ToUint32(item_));
  score.set_continuation(ToUint32(continuation_));
  score.set_logprob(answer.score().log_prob);
  score.set_tokens(ToUint32(answer.score().tokens));
  score.set_is_greedy(answer.score().is_greedy);
  if (!progress_->logprobs) return;
  for (const model::GeneratedToken& token : answer.prompt()) {
    FillLogProbs(token, progress_->tokenizer, /*bytes=*/false, *score.add_logprobs());
  }
}

void ScoreEncoder::FillSummary(v1::Summary& summary) const {
  *summary.mutable_usage() = progress_->usage;
  summary.set_fingerprint(progress_->info.fingerprint);
  FillTimings(progress_->arrival, progress_->queue, *summary.mutable_timings());
}

}  // namespace cascade::server
