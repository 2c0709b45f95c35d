#include "server/grpc/answer.h"

#include <utility>

#include "server/grpc/conversions.h"

namespace cascade::server {

Answer::Answer(const PreparedRequest& request, const ModelInfo& info,
               const model::Tokenizer& tokenizer)
    : tokenizer_(tokenizer),
      report_token_ids_(request.report_token_ids),
      seed_(request.generation.params.sampling.seed) {
  prompt_.set_request_id(request.generation.id);
  prompt_.set_prompt_tokens(static_cast<std::uint32_t>(request.generation.prompt.size()));
  prompt_.set_truncated_tokens(static_cast<std::uint32_t>(request.truncated_tokens));
  summary_.set_fingerprint(info.fingerprint);
  summary_.mutable_usage();
  SetTimings({}, *summary_.mutable_timings());
}

void Answer::Start(std::size_t cached_tokens) {
  prompt_.set_cached_tokens(static_cast<std::uint32_t>(cached_tokens));
  started_ = true;
}

void Answer::Add(const model::DecodingStep& step) {
  started_ = true;
  AppendStep(step, report_token_ids_, tokenizer_, delta_);
  backlog_.bytes += step.text.size();
  if (step.token) {
    ++generated_tokens_;
    ++backlog_.tokens;
    if (step.token->log_probs) backlog_.bytes += delta_.logprobs().rbegin()->ByteSizeLong();
  }
  if (!step.finish.has_value()) return;
  finish_ = ToProto(*step.finish, generated_tokens_, seed_);
  finished_ = true;
}

void Answer::End(const Timings& timings) {
  summary_.mutable_usage()->set_prompt_tokens(prompt_.prompt_tokens());
  summary_.mutable_usage()->set_generated_tokens(static_cast<std::uint32_t>(generated_tokens_));
  summary_.mutable_usage()->set_cached_tokens(prompt_.cached_tokens());
  SetTimings(timings, *summary_.mutable_timings());
  ended_ = true;
}

bool Answer::HasDelta() const {
  return !delta_.text().empty() || !delta_.token_ids().empty() || !delta_.logprobs().empty();
}

bool Answer::TakeEvent(v1::GenerateEvent& event) {
  switch (next_) {
    case Next::kPrompt:
      if (!started_) return false;
      *event.mutable_prompt() = prompt_;
      next_ = Next::kDeltas;
      return true;
    case Next::kDeltas:
      if (HasDelta()) {
        event.mutable_delta()->Clear();
        event.mutable_delta()->Swap(&delta_);  // keeps both messages' memory in use
        backlog_ = {};
        return true;
      }
      if (!finished_) return false;
      *event.mutable_finish() = finish_;
      next_ = Next::kSummary;
      return true;
    case Next::kSummary:
      if (!ended_) return false;
      *event.mutable_summary() = summary_;
      next_ = Next::kNothing;
      return true;
    case Next::kNothing:
      return false;
  }
  return false;
}

void Answer::TakeAll(v1::GenerateResponse& response) {
  *response.mutable_prompt() = prompt_;
  v1::Choice& choice = *response.add_choices();
  *choice.mutable_text() = std::move(*delta_.mutable_text());
  choice.mutable_token_ids()->Swap(delta_.mutable_token_ids());
  choice.mutable_logprobs()->Swap(delta_.mutable_logprobs());
  *choice.mutable_finish() = finish_;
  *response.mutable_summary() = summary_;
}

}  // namespace cascade::server
