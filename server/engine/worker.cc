#include "server/engine/worker.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "model/cache/kv_cache.h"
#include "model/language_model.h"
#include "server/engine/completion.h"
#include "server/engine/generation_request.h"
#include "server/engine/limits.h"
#include "server/engine/mutex.h"
#include "server/engine/request_queue.h"
#include "server/engine/running_batch.h"
#include "server/engine/scheduler.h"
#include "server/engine/service_rate.h"

namespace cascade::server {
namespace {

// What RetryAfter says before anything has finished, and its limits.
constexpr absl::Duration kUnknownRetry = absl::Seconds(1);
constexpr absl::Duration kShortestRetry = absl::Milliseconds(50);
constexpr absl::Duration kLongestRetry = absl::Seconds(60);

// How many of `prompt_tokens` will have to be computed, if the prefix cache's hit rate stays what
// it has been.
std::size_t TokensToRun(const Counts& counts, std::size_t prompt_tokens) {
  const auto run = static_cast<double>(counts.prompt_tokens);
  const auto cached = static_cast<double>(counts.cached_tokens);
  const double share = run + cached > 0 ? run / (run + cached) : 1.0;
  return static_cast<std::size_t>(share * static_cast<double>(prompt_tokens));
}

// Requests that can be there at once: in the queue, which may be full, and in the batch.
std::size_t MaxRequests(const WorkerOptions& options) {
  return options.max_queued + 2 * options.max_running;
}

// What runs, if there is memory to say it.
std::string Describe(const RunningBatch& batch) noexcept {
  try {
    return batch.Describe();
  } catch (const std::bad_alloc&) {
    return {};
  }
}

// The end of a request whose time limit passed while it waited.
Completion UnstartedAtTimeLimit(const QueuedRequest& queued, absl::Time now) {
  Completion completion{.sink = queued.request.sink};
  completion.last_step = Completion::LastStep{
      .choice = 0,
      .step = {
          .token = std::nullopt,
          .text = {},
          .finish = model::Finish{
              .reason = model::FinishReason::kTimeLimit, .matched_stop = {}, .matched_token = {}}}};
  completion.timings.queue = std::max(now - queued.submitted, absl::ZeroDuration());
  return completion;
}

}  // namespace

class Worker::Impl {
 public:
  Impl(std::unique_ptr<model::LanguageModel> model, model::KvCache cache,
       const model::Tokenizer& tokenizer, const WorkerOptions& options);
  ~Impl();

  void Submit(GenerationRequest request) ABSL_LOCKS_EXCLUDED(mu_);
  void StartDrain(absl::Time deadline) ABSL_LOCKS_EXCLUDED(mu_);
  bool AwaitDrained(absl::Duration at_most) ABSL_LOCKS_EXCLUDED(mu_);
  void Wake() { queue_.Wake(); }
  WorkerStats stats() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::Duration RetryAfter() const ABSL_LOCKS_EXCLUDED(mu_);
  std::string DescribeRunning() const ABSL_LOCKS_EXCLUDED(mu_);
  Pulse pulse() const { return {.count = beats_.load(), .busy = busy_.load()}; }

 private:
  absl::Status CheckDeadline(const GenerationRequest& request) const ABSL_LOCKS_EXCLUDED(mu_);

  // All on the worker's thread.
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  bool Receive();
  void Turn(absl::Time now);
  absl::Status ReasonToEnd(const GenerationRequest& request, absl::Time now) const;
  bool DrainDeadlinePassed(absl::Time now) const ABSL_LOCKS_EXCLUDED(mu_);
  void Reap(absl::FunctionRef<absl::Status(const GenerationRequest&)> reason, absl::Time now);
  void StartWhatFits(absl::Time now);
  void Step() ABSL_LOCKS_EXCLUDED(mu_);
  void DeliverCompletions();
  void PublishStats() ABSL_LOCKS_EXCLUDED(mu_);

  const WorkerOptions options_;
  const EngineLimits limits_;

  // Made while there is memory: to copy them takes none.
  const absl::Status cancelled_ = absl::CancelledError("the request was cancelled");
  const absl::Status deadline_passed_ =
      absl::DeadlineExceededError("the request's deadline has passed");
  const absl::Status shutting_down_ = absl::UnavailableError("the server is shutting down");

  RequestQueue queue_;
  std::atomic<std::uint64_t> beats_ = 0;
  std::atomic<bool> busy_ = false;

  mutable Mutex mu_;
  std::condition_variable_any ended_;
  WorkerStats stats_ ABSL_GUARDED_BY(mu_);  // but for the queue's part, which is its own to say
  ServiceRate rate_ ABSL_GUARDED_BY(mu_);
  std::size_t pending_tokens_ ABSL_GUARDED_BY(mu_) = 0;  // of the sequences that run
  std::string description_ ABSL_GUARDED_BY(mu_);
  absl::Time drain_deadline_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
  bool has_ended_ ABSL_GUARDED_BY(mu_) = false;

  // The worker's thread's own.
  RunningBatch batch_;
  std::vector<Completion> completions_;  // with room for every request there can be: it never grows
  bool stepped_ = false;                 // the last turn had a step

  std::thread thread_;  // last: the rest is there before it starts
};

Worker::Impl::Impl(std::unique_ptr<model::LanguageModel> model, model::KvCache cache,
                   const model::Tokenizer& tokenizer, const WorkerOptions& options)
    : options_(options),
      limits_({.n_ctx = model->config().n_ctx,
               .vocab_size = model->config().vocab_size,
               .total_blocks = cache.blocks().num_blocks()}),
      queue_({.max_requests = options.max_queued + options.max_running,
              .max_tokens = options.max_queued_tokens,
              .ageing = options.priority_ageing}),
      batch_(std::move(model), std::move(cache), tokenizer,
             Scheduler(options.max_running, options.step_tokens),
             {.prefix_cache = options.prefix_cache,
              .kv_overcommit = options.kv_overcommit,
              .speculate = options.speculate,
              .stalled_reader_limit = options.stalled_reader_limit,
              .max_requests = MaxRequests(options)},
             options_.clock) {
  completions_.reserve(MaxRequests(options));
  PublishStats();
  thread_ = std::thread([this] { Run(); });
}

Worker::Impl::~Impl() {
  StartDrain(absl::InfinitePast());
  thread_.join();
}

// --- Any thread

void Worker::Impl::Submit(GenerationRequest request) {
  absl::Status refusal = CheckRunnable(request, limits_);
  if (refusal.ok()) refusal = CheckDeadline(request);
  QueuedRequest queued = {.request = std::move(request), .submitted = options_.clock()};
  if (refusal.ok()) refusal = queue_.TryPush(queued);
  if (refusal.ok()) return;
  TokenSink* const sink = queued.request.sink;
  queued.request.permit = {};
  sink->OnFailed(std::move(refusal));
}

absl::Status Worker::Impl::CheckDeadline(const GenerationRequest& request) const {
  if (request.deadline == absl::InfiniteFuture()) return absl::OkStatus();
  const absl::Duration left = request.deadline - options_.clock();
  if (left < absl::ZeroDuration()) return deadline_passed_;
  const RequestQueue::Size queued = queue_.size();
  absl::Duration estimate;
  {
    const MutexLock lock(mu_);
    // Whoever comes alone is let in, or an estimate that has gone wrong could refuse for ever.
    if (queued.requests + stats_.running == 0) return absl::OkStatus();
    // Those before it: their prompts, and a finish for each that waits for a place in the batch.
    const bool full = stats_.running - stats_.stalled >= options_.max_running;
    const std::size_t to_come =
        TokensToRun(stats_.counts, queued.prompt_tokens + request.prompt.size());
    const absl::Duration prompts = rate_.TimeFor(pending_tokens_ + to_come, options_.step_tokens);
    const absl::Duration places =
        full ? rate_.TimePerRequest() * static_cast<double>(queued.requests + 1)
             : absl::ZeroDuration();
    estimate = std::max(prompts, places);
  }
  if (estimate / 2 <= left) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat("the deadline is in ", absl::FormatDuration(left), ", but with ",
                   queued.requests, " requests waiting the first token is to be expected in about ",
                   absl::FormatDuration(estimate)));
}

void Worker::Impl::StartDrain(absl::Time deadline) {
  {
    const MutexLock lock(mu_);
    drain_deadline_ = std::min(drain_deadline_, deadline);
  }
  queue_.Close(shutting_down_);  // also wakes the worker, which then sees the deadline
}

bool Worker::Impl::AwaitDrained(absl::Duration at_most) {
  const auto until = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(at_most);
  const MutexLock lock(mu_);
  while (!has_ended_ && ended_.wait_until(mu_, until) != std::cv_status::timeout) {
  }
  return has_ended_;
}

WorkerStats Worker::Impl::stats() const {
  const RequestQueue::Size queued = queue_.size();  // first: what has left it is in stats_ already
  const MutexLock lock(mu_);
  WorkerStats stats = stats_;
  stats.queued = queued.requests;
  stats.queued_tokens = queued.prompt_tokens;
  return stats;
}

absl::Duration Worker::Impl::RetryAfter() const {
  const std::size_t queued = queue_.size().requests;
  const MutexLock lock(mu_);
  const absl::Duration per_request = rate_.TimePerRequest();
  if (per_request == absl::ZeroDuration()) return kUnknownRetry;
  // By then half of those that wait now will have left the line.
  const auto ahead = static_cast<double>(std::max<std::size_t>(1, queued / 2));
  return std::clamp(per_request * ahead, kShortestRetry, kLongestRetry);
}

std::string Worker::Impl::DescribeRunning() const {
  const MutexLock lock(mu_);
  return description_;
}

// --- The worker's thread

void Worker::Impl::Run() {
  while (Receive()) Turn(options_.clock());
  const MutexLock lock(mu_);
  has_ended_ = true;
  ended_.notify_all();
}

// Waits for work. False when there will be none any more.
bool Worker::Impl::Receive() {
  using Wait = RequestQueue::Wait;
  Wait wait = Wait::kNo;
  if (batch_.size() == 0) {
    wait = Wait::kUntilSomethingHappens;
  } else if (!stepped_) {  // all are stalled
    wait = Wait::kBriefly;
  }
  busy_.store(false);
  const bool more = queue_.Receive(wait);
  busy_.store(true);
  beats_.fetch_add(1);
  return more || batch_.size() > 0;
}

// All that happens between two steps, and the step.
void Worker::Impl::Turn(absl::Time now) {
  if (DrainDeadlinePassed(now)) {
    Reap([this](const GenerationRequest&) { return shutting_down_; }, now);
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
absl::Status Worker::Impl::ReasonToEnd(const GenerationRequest& request, absl::Time now) const {
  if (request.sink->IsCancelled()) return cancelled_;
  return now >= request.deadline ? deadline_passed_ : absl::OkStatus();
}

bool Worker::Impl::DrainDeadlinePassed(absl::Time now) const {
  const MutexLock lock(mu_);
  return now >= drain_deadline_;
}

// Ends every request, running or queued, for which `reason` returns a status that is not OK, and
// those whose time limit has passed.
void Worker::Impl::Reap(absl::FunctionRef<absl::Status(const GenerationRequest&)> reason,
                        absl::Time now) {
  batch_.Reap(reason, now);
  queue_.RemoveIf([&](const QueuedRequest& queued) {
    absl::Status status = reason(queued.request);
    const bool time_is_up = now >= queued.request.finish_by;
    if (status.ok() && !time_is_up) return false;
    Completion completion{.sink = queued.request.sink, .status = std::move(status)};
    if (completion.status.ok()) completion = UnstartedAtTimeLimit(queued, now);
    completions_.push_back(std::move(completion));
    return true;
  });
  DeliverCompletions();
}

void Worker::Impl::StartWhatFits(absl::Time now) {
  while (QueuedRequest* const next = queue_.Next(now)) {
    if (!batch_.TryStart(*next)) break;
    PublishStats();  // before it leaves the queue, so that it is always counted
    queue_.Pop();
  }
  DeliverCompletions();
}

void Worker::Impl::Step() {
  const absl::Time begin = options_.clock();
  const std::uint64_t finished = batch_.counts().finished;
  const std::size_t rows = batch_.Step();
  if (rows > 0) {
    const MutexLock lock(mu_);
    rate_.AddStep(rows, options_.clock() - begin, batch_.counts().finished - finished);
  }
  DeliverCompletions();
}

void Worker::Impl::DeliverCompletions() {
  batch_.TakeCompletions(completions_);
  PublishStats();
  for (Completion& completion : completions_) Deliver(std::move(completion));
  completions_.clear();
}

void Worker::Impl::PublishStats() {
  const model::BlockAllocator& blocks = batch_.blocks();
  const MutexLock lock(mu_);
  if (stats_.running != batch_.size() || !completions_.empty()) description_ = Describe(batch_);
  stats_ = {.running = batch_.size(),
            .stalled = batch_.CountStalled(),
            .preempted = batch_.CountPreempted(),
            .free_blocks = blocks.free_blocks(),
            .cached_blocks = blocks.cached_blocks(),
            .total_blocks = limits_.total_blocks,
            .counts = batch_.counts()};
  pending_tokens_ = batch_.PendingTokens();
}

Worker::Worker(std::unique_ptr<model::LanguageModel> model, model::KvCache cache,
               const model::Tokenizer& tokenizer, const WorkerOptions& options)
    : impl_(std::make_unique<Impl>(std::move(model), std::move(cache), tokenizer, options)) {}

Worker::~Worker() = default;

void Worker::Submit(GenerationRequest request) { impl_->Submit(std::move(request)); }

void Worker::Drain(absl::Time deadline) {
  StartDrain(deadline);
  while (!AwaitDrained(absl::Hours(1))) {
  }
}

void Worker::StartDrain(absl::Time deadline) { impl_->StartDrain(deadline); }

bool Worker::AwaitDrained(absl::Duration at_most) { return impl_->AwaitDrained(at_most); }

void Worker::Wake() { impl_->Wake(); }

absl::Duration Worker::RetryAfter() const { return impl_->RetryAfter(); }

Worker::Pulse Worker::pulse() const { return impl_->pulse(); }

std::string Worker::DescribeRunning() const { return impl_->DescribeRunning(); }

WorkerStats Worker::stats() const { return impl_->stats(); }

}  // namespace cascade::server
