// SPDX-License-Identifier: Apache-2.0

#include "client/answer_progress.h"

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/string_view.h"

namespace cascade::client {
namespace {

// Drops the first `count` elements of a repeated field.
template <typename Repeated>
void DropFirst(Repeated& field, std::size_t count) {
  const int size = field.size();
  const int dropped = std::min(size, static_cast<int>(std::min<std::size_t>(count, 1U << 30U)));
  field.erase(field.begin(), field.begin() + dropped);
}

}  // namespace

AnswerProgress::AnswerProgress(v1::GenerateRequest request, absl::Time now)
    : request_(std::move(request)), tells_token_ids_(request_.response().token_ids()), begun_(now) {
  if (!request_.sampling().has_seed()) {
    thread_local absl::BitGen random;
    request_.mutable_sampling()->set_seed(random());
  }
  if (!competes()) request_.mutable_response()->set_token_ids(true);
  choices_.resize(std::max(request_.sampling().n(), 1U));
}

bool AnswerProgress::competes() const {
  return request_.has_beam_search() || request_.sampling().best_of().choices() > 0;
}

bool AnswerProgress::CanResume() const { return !competes() && !prompt_->fingerprint().empty(); }

bool AnswerProgress::IsForeign(const v1::GenerateEvent& event) const {
  return prompt_ && event.has_prompt() && event.prompt().fingerprint() != prompt_->fingerprint();
}

AnswerProgress::Choice& AnswerProgress::ChoiceAt(std::size_t index) {
  if (index >= choices_.size()) choices_.resize(index + 1);  // no server that we know does this
  return choices_[index];
}

v1::GenerateRequest AnswerProgress::BeginStream(absl::Time now) {
  stream_is_whole_ = false;
  stream_is_foreign_ = false;
  v1::GenerateRequest request;
  if (!prompt_) {
    request = request_;
  } else if (!CanResume()) {
    for (Choice& choice : choices_) {
      choice.skip_bytes = choice.text_bytes;
      choice.skip_tokens = choice.tokens;
    }
    request = Repeat();
  } else {
    resumed_ = NextToResume();
    request = Resume(*resumed_);
  }
  SetRestOfTimeLimit(now, request);
  return request;
}

// If all have their finish, and the summary alone is missing, the last: its finish comes again at
// once.
std::size_t AnswerProgress::NextToResume() const {
  const auto next = std::ranges::find_if(choices_, [](const Choice& c) { return !c.has_finish; });
  return next == choices_.end() ? choices_.size() - 1
                                : static_cast<std::size_t>(next - choices_.begin());
}

v1::GenerateRequest AnswerProgress::Repeat() const {
  v1::GenerateRequest request = request_;
  request.mutable_resume()->set_fingerprint(prompt_->fingerprint());
  return request;
}

v1::GenerateRequest AnswerProgress::Resume(std::size_t index) const {
  v1::GenerateRequest request = request_;
  v1::SamplingParams& sampling = *request.mutable_sampling();
  sampling.set_n(1);
  sampling.set_seed(request_.sampling().seed() + index);
  sampling.clear_per_choice();
  if (const int own = static_cast<int>(index); own < request_.sampling().per_choice_size()) {
    // A seed of its own counts; without one, that of the request, which is the choice's by now.
    *sampling.add_per_choice() = request_.sampling().per_choice(own);
  }
  // The first prompt event had all of this.
  v1::ResponseOptions& response = *request.mutable_response();
  response.clear_prompt_logprobs();
  response.clear_prompt_logprobs_from();
  response.clear_echo();
  if (!response.logprobs()) {
    response.clear_candidates();
    response.clear_candidate_ids();
    response.clear_ranks();
    response.clear_bytes();
  }
  v1::Resume& resume = *request.mutable_resume();
  const std::vector<std::uint32_t>& ids = choices_[index].token_ids;
  resume.mutable_token_ids()->Assign(ids.begin(), ids.end());
  resume.set_fingerprint(prompt_->fingerprint());
  return request;
}

void AnswerProgress::SetRestOfTimeLimit(absl::Time now, v1::GenerateRequest& request) const {
  if (!request.stopping().has_time_limit() || !prompt_) return;
  google::protobuf::Duration& limit = *request.mutable_stopping()->mutable_time_limit();
  const absl::Duration whole = absl::Seconds(limit.seconds()) + absl::Nanoseconds(limit.nanos());
  absl::Duration rest = std::max(whole - (now - begun_), absl::Nanoseconds(1));
  limit.set_seconds(absl::IDivDuration(rest, absl::Seconds(1), &rest));
  limit.set_nanos(static_cast<std::int32_t>(absl::ToInt64Nanoseconds(rest)));
}

void AnswerProgress::Take(v1::GenerateEvent& event, Tell tell) {
  stream_is_foreign_ |= IsForeign(event);
  if (stream_is_foreign_) return;
  switch (event.event_case()) {
    case v1::GenerateEvent::kPrompt:
      return TakePrompt(event, tell);
    case v1::GenerateEvent::kDelta:
      return TakeDelta(event, tell);
    case v1::GenerateEvent::kFinish:
      return TakeFinish(event, tell);
    case v1::GenerateEvent::kSummary:
      return TakeSummary(event, tell);
    case v1::GenerateEvent::EVENT_NOT_SET:
      return tell(event);  // of a newer server
  }
}

void AnswerProgress::TakePrompt(v1::GenerateEvent& event, Tell tell) {
  if (prompt_) return;
  prompt_ = event.prompt();
  ++events_;
  tell(event);
}

void AnswerProgress::TakeDelta(v1::GenerateEvent& event, Tell tell) {
  v1::Delta& delta = *event.mutable_delta();
  const std::size_t index = resumed_.value_or(delta.index());
  delta.set_index(static_cast<std::uint32_t>(index));
  Choice& choice = ChoiceAt(index);
  LeaveOutTold(choice, delta);
  choice.text_bytes += delta.text().size();
  choice.tokens +=
      static_cast<std::size_t>(std::max(delta.token_ids_size(), delta.logprobs_size()));
  if (!competes()) {
    choice.token_ids.insert(choice.token_ids.end(), delta.token_ids().begin(),
                            delta.token_ids().end());
    if (!tells_token_ids_) delta.clear_token_ids();
  }
  if (delta.text().empty() && delta.token_ids().empty() && delta.logprobs().empty()) return;
  ++events_;
  tell(event);
}

void AnswerProgress::LeaveOutTold(Choice& choice, v1::Delta& delta) {
  const std::size_t bytes = std::min(choice.skip_bytes, delta.text().size());
  delta.mutable_text()->erase(0, bytes);
  choice.skip_bytes -= bytes;
  if (choice.skip_tokens == 0) return;
  const auto tokens =
      static_cast<std::size_t>(std::max(delta.token_ids_size(), delta.logprobs_size()));
  DropFirst(*delta.mutable_token_ids(), choice.skip_tokens);
  DropFirst(*delta.mutable_logprobs(), choice.skip_tokens);
  choice.skip_tokens -= std::min(choice.skip_tokens, tokens);
}

void AnswerProgress::TakeFinish(v1::GenerateEvent& event, Tell tell) {
  v1::Finish& finish = *event.mutable_finish();
  const std::size_t index = resumed_.value_or(finish.index());
  finish.set_index(static_cast<std::uint32_t>(index));
  Choice& choice = ChoiceAt(index);
  if (std::exchange(choice.has_finish, true)) return;
  choice.generated_tokens = finish.generated_tokens();
  ++events_;
  tell(event);
}

void AnswerProgress::TakeSummary(v1::GenerateEvent& event, Tell tell) {
  const v1::Usage& usage = event.summary().usage();
  drafted_tokens_ += usage.drafted_tokens();
  accepted_tokens_ += usage.accepted_tokens();
  const auto has_finish = [](const Choice& choice) { return choice.has_finish; };
  const bool has_all = std::ranges::all_of(choices_, has_finish);
  // Of beams there may be fewer answers than were asked for.
  stream_is_whole_ =
      resumed_ ? choices_[*resumed_].has_finish : std::ranges::any_of(choices_, has_finish);
  whole_ = stream_is_whole_ && (!resumed_ || has_all);
  if (!whole_) return;  // the next choice's stream comes
  if (resumed_) FillUsage(*event.mutable_summary()->mutable_usage());
  ++events_;
  tell(event);
}

// Of the whole answer, in the last stream's summary.
void AnswerProgress::FillUsage(v1::Usage& usage) const {
  std::uint32_t generated_tokens = 0;
  for (const Choice& choice : choices_) generated_tokens += choice.generated_tokens;
  usage.set_generated_tokens(generated_tokens);
  usage.set_cached_tokens(prompt_->cached_tokens());
  usage.set_drafted_tokens(drafted_tokens_);
  usage.set_accepted_tokens(accepted_tokens_);
}

}  // namespace cascade::client
