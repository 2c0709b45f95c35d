// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/generation.h"

#include <utility>

#include "server/engine/exception_status.h"
#include "server/engine/worker.h"
#include "server/grpc/call/generation_call.h"

namespace cascade::server {

Generation::Generation(GenerationCall& call, Mutex& mu, GenerationIndex& index, Answer answer,
                       Admission::Permit open, const Backlog& max_unsent)
    : call_(call),
      mu_(mu),
      open_(std::move(open)),
      max_unsent_(max_unsent),
      answer_(std::move(answer)),
      entry_(index, answer_.owner(), answer_.request_id(), cancelled_) {}

void Generation::OnStarted(std::size_t cached_tokens) {
  bool must_post = false;
  {
    const MutexLock lock(mu_);
    call_.AssertLocked();
    answer_.Start(cached_tokens);
    must_post = call_.MustPost();
  }
  if (must_post) call_.Post();
}

void Generation::OnPrompt(std::vector<model::GeneratedToken> tokens) {
  bool must_post = false;
  {
    const MutexLock lock(mu_);
    call_.AssertLocked();
    answer_.AddPrompt(std::move(tokens));
    must_post = call_.MustPost();
  }
  if (must_post) call_.Post();
}

void Generation::OnHidden(model::ConstMatF rows) {
  const MutexLock lock(mu_);
  answer_.AddHidden(rows);  // nothing is sent before all have come
}

void Generation::OnStep(std::size_t choice, model::DecodingStep step) {
  bool must_post = false;
  {
    const MutexLock lock(mu_);
    call_.AssertLocked();
    answer_.Add(choice, std::move(step));
    UpdateStall(call_.CanSend());
    must_post = call_.MustPost();
  }
  if (must_post) call_.Post();
}

void Generation::OnFinished(const RunStats& stats) { End(absl::OkStatus(), &stats); }

void Generation::OnFailed(absl::Status status) { End(std::move(status), nullptr); }

void Generation::End(absl::Status status, const RunStats* stats) {
  GenerationCall& call = call_;
  bool must_post = false;
  {
    // The outcome and the call's count of running generations change under one lock. As soon as it
    // is free, another thread may send the end of the call, and OnDone may delete the call and this
    // generation, unless `must_post`: then the outbox holds the call, and nothing ends it before
    // its Send.
    const MutexLock lock(mu_);
    call.AssertLocked();
    if (stats != nullptr) {
      answer_.Finish(*stats);
    } else {
      answer_.Fail(std::move(status));
    }
    call.CountEnd(answer_);
    must_post = call.MustPost();
  }
  if (must_post) call.Post();
}

bool Generation::UpdateStall(bool can_send) {
  const Backlog& unsent = answer_.backlog();
  const bool too_much = unsent.tokens > max_unsent_.tokens || unsent.bytes > max_unsent_.bytes;
  const bool stalled = !can_send && too_much;
  // Not an exchange, which is a locked instruction for each token: writers hold the lock anyway.
  const bool was_stalled = IsStalled();
  if (stalled != was_stalled) stalled_.store(stalled, std::memory_order_relaxed);
  return was_stalled && !stalled;
}

void SubmitOrFail(Worker& worker, GenerationRequest request) noexcept {
  TokenSink* const sink = request.sink;
  try {
    worker.Submit(std::move(request));
  } catch (...) {
    sink->OnFailed(StatusOfException("the request was handed to the model"));
  }
}

}  // namespace cascade::server
