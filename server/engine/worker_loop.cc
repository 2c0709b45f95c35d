// SPDX-License-Identifier: Apache-2.0

#include "server/engine/worker_loop.h"

#include <algorithm>
#include <cassert>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "server/engine/exception_status.h"
#include "server/engine/scheduler.h"

namespace cascade::server {
namespace {

// Requests that can be there at once: in the queue, which may be full, and in the batch.
std::size_t MaxRequests(const WorkerOptions& options) {
  return options.max_queued + 2 * options.max_running;
}

// A choice finished by the time limit before it had a token.
model::DecodingStep StoppedAtTimeLimit() {
  return {.token = std::nullopt,
          .text = {},
          .finish = model::Finish{
              .reason = model::FinishReason::kTimeLimit, .matched_stop = {}, .matched_token = {}}};
}

// The end of a request whose time limit passed while it was queued.
Completion UnstartedAtTimeLimit(const QueuedRequest& queued, absl::Time now) noexcept {
  TokenSink* const sink = queued.request.sink;
  try {
    Completion completion = {.sink = sink};
    // Beams without a token are all the same answer.
    const bool has_beams = queued.request.params.beams.has_value();
    for (std::size_t choice = 0; choice < (has_beams ? 1 : queued.request.choices); ++choice) {
      completion.last_steps.push_back({.choice = choice, .step = StoppedAtTimeLimit()});
      if (has_beams) completion.last_steps.back().step.finish->beam_score = 0.0;
    }
    completion.stats.timings.queue = std::max(now - queued.submitted, absl::ZeroDuration());
    return completion;
  } catch (const std::bad_alloc&) {
    return {.sink = sink, .status = StatusOfException(kWhileRunning)};
  }
}

model::KvCache Observed(model::KvCache cache, const WorkerOptions& options, PrefixLog& prefixes) {
  if (options.kept_prefix_events > 0) cache.blocks().Observe(&prefixes);
  return cache;
}

}  // namespace

WorkerLoop::WorkerLoop(const Shared& shared, std::unique_ptr<model::LanguageModel> model,
                       model::KvCache cache, const model::Tokenizer& tokenizer)
    : shared_(shared),
      batch_(std::move(model), Observed(std::move(cache), shared.options, shared.prefixes),
             tokenizer, Scheduler(shared.options.max_running, shared.options.step_tokens),
             {.prefix_cache = shared.options.prefix_cache,
              .kv_overcommit = shared.options.kv_overcommit,
              .speculate = shared.options.speculate,
              .stalled_reader_limit = shared.options.stalled_reader_limit,
              .max_requests = MaxRequests(shared.options)},
             shared.options.clock) {
  completions_.reserve(MaxRequests(shared.options));
  PublishStats();
}

void WorkerLoop::Run() {
  while (Receive()) {
    if (forget_prefixes_.exchange(false)) batch_.ForgetPrefixes();
    Turn(shared_.options.clock());
    shared_.prefixes.Publish();
  }
  shared_.drain.SetEnded();
}

// Waits for work. False when there will be none any more.
bool WorkerLoop::Receive() {
  using Wait = RequestQueue::Wait;
  Wait wait = Wait::kNo;
  if (batch_.size() == 0) {
    wait = Wait::kUntilSomethingHappens;
  } else if (!stepped_) {
    // Every reader is stalled. A sink wakes the queue when its client reads again, but nothing does
    // when a deadline or the limit on stalls passes: hence a short sleep.
    wait = Wait::kBriefly;
  }
  busy_.store(false);
  const bool more = shared_.queue.Receive(wait);
  busy_.store(true);
  turns_.fetch_add(1);
  return more || batch_.size() > 0;
}

// All that happens between two steps, and the step. The order matters: requests that end give back
// the blocks that preempted sequences wait for, and these come before newcomers.
void WorkerLoop::Turn(absl::Time now) {
  if (shared_.drain.HasPassed(now)) {
    Reap([this](const GenerationRequest&) { return shared_.end_reasons.shutting_down; }, now);
    return;
  }
  Reap([this, now](const GenerationRequest& request) { return ReasonToEnd(request, now); }, now);
  batch_.SelectReady();
  StartWhatFits(now);
  stepped_ = batch_.CanStep();
  if (stepped_) Step();
  assert(batch_.CheckInvariants().ok());
}

// Why a request, queued or running, must end now; OK if it may go on.
absl::Status WorkerLoop::ReasonToEnd(const GenerationRequest& request, absl::Time now) const {
  if (request.sink->IsCancelled()) return shared_.end_reasons.cancelled;
  return now >= request.deadline ? shared_.end_reasons.deadline_passed : absl::OkStatus();
}

// Ends every request, running or queued, for which `reason` returns a status that is not OK, and
// those whose time limit has passed.
void WorkerLoop::Reap(absl::FunctionRef<absl::Status(const GenerationRequest&)> reason,
                      absl::Time now) {
  batch_.Reap(reason, now);
  shared_.queue.RemoveIf([&](const QueuedRequest& queued) {
    absl::Status status = reason(queued.request);
    if (!status.ok()) {
      completions_.push_back({.sink = queued.request.sink, .status = std::move(status)});
    } else if (now >= queued.request.finish_by) {
      completions_.push_back(UnstartedAtTimeLimit(queued, now));
    } else {
      return false;
    }
    return true;
  });
  DeliverCompletions();
}

void WorkerLoop::StartWhatFits(absl::Time now) {
  while (QueuedRequest* const next = shared_.queue.Next(now)) {
    if (!batch_.TryStart(*next)) break;
    PublishStats();  // before the request leaves the queue, so that it is always counted
    shared_.queue.Pop();
  }
  DeliverCompletions();
}

void WorkerLoop::Step() {
  const absl::Time begin = shared_.options.clock();
  const Counts before = batch_.counts();
  const std::size_t rows = batch_.Step();
  if (rows > 0) {
    const Counts& after = batch_.counts();
    shared_.monitor.AddStep(rows, shared_.options.clock() - begin,
                            {.requests = after.finished - before.finished,
                             .choices = after.finished_choices - before.finished_choices,
                             .tokens = after.finished_tokens - before.finished_tokens});
  }
  DeliverCompletions();
}

// A sink may at once do something that depends on the end, such as sending the next request: so the
// statistics come first.
void WorkerLoop::DeliverCompletions() {
  batch_.TakeCompletions(completions_);
  PublishStats();
  for (Completion& completion : completions_) Deliver(std::move(completion));
  completions_.clear();
}

void WorkerLoop::PublishStats() {
  if (described_ != batch_.size() || !completions_.empty()) PublishDescription();
  const model::BlockAllocator& blocks = batch_.blocks();
  shared_.monitor.Publish(
      {.running = batch_.size(),
       .stalled = batch_.CountStalled(),
       .preempted = batch_.CountPreempted(),
       .free_blocks = blocks.free_blocks(),
       .cached_blocks = blocks.cached_blocks(),
       .total_blocks = blocks.num_blocks(),
       .counts = batch_.counts()},
      {.pending_tokens = batch_.PendingTokens(), .tokens_to_come = batch_.MostTokensToCome()});
}

void WorkerLoop::PublishDescription() {
  described_ = batch_.size();
  try {
    shared_.monitor.Describe(batch_.Describe());
  } catch (const std::bad_alloc&) {
    shared_.monitor.Describe({});
  }
}

}  // namespace cascade::server
