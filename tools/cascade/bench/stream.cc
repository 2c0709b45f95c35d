// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/bench/stream.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::cli::bench {

Stream::Stream(RequestPlan plan, Clock::time_point due, Tally& tally, StreamOwner& owner)
    : plan_(std::move(plan)), due_(due), tally_(tally), owner_(owner) {}

void Stream::Start(v1::TextGeneration::Stub& stub, absl::Duration timeout) {
  if (timeout != absl::InfiniteDuration()) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  }
  tally_.OnStarted(Clock::now() - due_, IsSlow());
  stub.async()->GenerateStream(&context_, &plan_.request, this);
  StartRead(&event_);
  StartCall();
}

void Stream::OnReadDone(bool ok) {
  if (!ok) return;  // OnDone comes next
  const Clock::time_point now = Clock::now();
  switch (event_.event_case()) {
    case v1::GenerateEvent::kPrompt:
      tally_.OnPrompt(event_.prompt().prompt_tokens(), event_.prompt().cached_tokens());
      break;
    case v1::GenerateEvent::kDelta:
      OnDelta(static_cast<std::uint32_t>(event_.delta().token_ids_size()), now);
      break;
    case v1::GenerateEvent::kSummary:
      tokens_by_summary_ = event_.summary().usage().generated_tokens();
      break;
    default:
      break;
  }
  ReadNext();
}

void Stream::OnDelta(std::uint32_t tokens, Clock::time_point now) {
  if (tokens == 0) return;  // the text that was held back for a stop string
  const auto unless_slow = [this](Clock::duration time) {
    return IsSlow() ? std::optional<Clock::duration>() : time;
  };
  if (tokens_ == 0) {
    first_ = now;
    first_tokens_ = tokens;
    tally_.OnFirstTokens(tokens, unless_slow(now - due_));
  } else {
    tally_.OnMoreTokens(tokens, unless_slow(now - last_));
  }
  last_ = now;
  tokens_ += tokens;
  if (plan_.cancel_after && tokens_ >= *plan_.cancel_after) Cancel(EndedBy::kPlan);
}

// A slow reader's next read waits. The hold keeps the call alive meanwhile, even if it ends. Each
// delay has an alarm of its own, because the last one's callback may still be returning.
void Stream::ReadNext() {
  if (!IsSlow()) {
    StartRead(&event_);
    return;
  }
  AddHold();
  alarm_.emplace();
  alarm_->Set(absl::ToChronoTime(absl::Now() + plan_.read_delay), [this](bool /*ok*/) {
    StartRead(&event_);
    RemoveHold();
  });
}

void Stream::Cancel(EndedBy ended_by) {
  EndedBy nobody = EndedBy::kServer;
  ended_by_.compare_exchange_strong(nobody, ended_by);
  context_.TryCancel();
}

grpc::Status Stream::Checked(const grpc::Status& status) const {
  if (!status.ok() || tokens_by_summary_ == tokens_) return status;
  if (!tokens_by_summary_) {
    return {grpc::StatusCode::DATA_LOSS, "the stream ended with OK but without its summary"};
  }
  return {grpc::StatusCode::DATA_LOSS, absl::StrCat("the summary counts ", *tokens_by_summary_,
                                                    " tokens, but ", tokens_, " came")};
}

void Stream::OnDone(const grpc::Status& status) {
  Outcome outcome;
  outcome.status = Checked(status);
  // A cancellation that came too late changed nothing.
  if (status.error_code() == grpc::StatusCode::CANCELLED) outcome.ended_by = ended_by_;
  outcome.slow_reader = IsSlow();
  outcome.tokens = tokens_;
  outcome.total = Clock::now() - due_;
  if (tokens_ > first_tokens_ && !IsSlow()) {
    outcome.per_token = (last_ - first_) / (tokens_ - first_tokens_);
  }
  tally_.OnEnded(outcome);
  owner_.OnEnded(*this, status);
}

}  // namespace cascade::cli::bench
