#include "server/engine/worker.h"

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "server/engine/farewell.h"
#include "server/engine/limits.h"
#include "server/engine/mutex.h"
#include "server/engine/request_queue.h"
#include "server/engine/running_batch.h"
#include "server/engine/scheduler.h"

namespace cascade::server {
namespace {

absl::Status ShuttingDown() { return absl::UnavailableError("the server is shutting down"); }

// Why a request that waits or runs must end now; OK if it need not.
absl::Status WhyEnd(const GenerationRequest& request, absl::Time now) {
  if (request.sink->IsCancelled()) return absl::CancelledError("the request was cancelled");
  if (now >= request.deadline) {
    return absl::DeadlineExceededError("the request's deadline has passed");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckWorkerOptions(const WorkerOptions& options, std::size_t max_rows) {
  if (options.max_running >= 1 && options.max_running <= options.step_tokens &&
      options.step_tokens <= max_rows) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("max_running is ", options.max_running, " and step_tokens ", options.step_tokens,
                   "; they must satisfy 1 <= max_running <= step_tokens <= ", max_rows,
                   ", the rows that the model was made for"));
}

class Worker::Impl {
 public:
  Impl(std::unique_ptr<model::Gpt2> model, model::KvCache cache, const model::Tokenizer& tokenizer,
       const WorkerOptions& options);
  ~Impl();

  void Submit(GenerationRequest request);
  void Drain(absl::Time deadline) ABSL_LOCKS_EXCLUDED(mu_);
  void Wake() { queue_.Wake(); }
  WorkerStats stats() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // All on the worker's thread.
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  bool DrainDeadlinePassed(absl::Time now) const ABSL_LOCKS_EXCLUDED(mu_);
  void EndIf(absl::FunctionRef<absl::Status(const GenerationRequest&)> why);
  void StartWhatFits();
  void SayFarewells();
  void PublishStats() ABSL_LOCKS_EXCLUDED(mu_);

  const WorkerOptions options_;
  const EngineLimits limits_;
  RequestQueue queue_;

  mutable Mutex mu_;
  std::condition_variable_any ended_;
  WorkerStats stats_ ABSL_GUARDED_BY(mu_);  // all but `queued`, which is the queue's to say
  absl::Time drain_deadline_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
  bool has_ended_ ABSL_GUARDED_BY(mu_) = false;

  // The worker's thread's own.
  RunningBatch batch_;
  std::vector<Farewell> farewells_;  // with room for every request there can be: it never grows

  std::thread thread_;  // last: the rest is there before it starts
};

Worker::Impl::Impl(std::unique_ptr<model::Gpt2> model, model::KvCache cache,
                   const model::Tokenizer& tokenizer, const WorkerOptions& options)
    : options_(options),
      limits_({.n_ctx = model->config().n_ctx,
               .vocab_size = model->config().vocab_size,
               .total_blocks = cache.num_blocks()}),
      queue_(options.max_queued + options.max_running),
      batch_(std::move(model), std::move(cache), tokenizer,
             Scheduler(options.max_running, options.step_tokens), options_.clock) {
  farewells_.reserve(queue_.capacity() + options.max_running);
  PublishStats();
  thread_ = std::thread([this] { Run(); });
}

Worker::Impl::~Impl() {
  Drain(absl::InfinitePast());
  thread_.join();
}

void Worker::Impl::Submit(GenerationRequest request) {
  absl::Status refusal = CheckRunnable(request, limits_);
  QueuedRequest queued = {.request = std::move(request), .submitted = options_.clock()};
  if (refusal.ok()) refusal = queue_.TryPush(queued);
  if (refusal.ok()) return;
  TokenSink* const sink = queued.request.sink;
  queued.request.permit = {};
  sink->OnFailed(std::move(refusal));
}

void Worker::Impl::Drain(absl::Time deadline) {
  {
    const MutexLock lock(mu_);
    drain_deadline_ = std::min(drain_deadline_, deadline);
  }
  queue_.Close(ShuttingDown());  // also wakes the worker, which then sees the deadline
  const MutexLock lock(mu_);
  while (!has_ended_) ended_.wait(mu_);
}

WorkerStats Worker::Impl::stats() const {
  const std::size_t queued = queue_.size();  // first: what has left it is counted in stats_ already
  const MutexLock lock(mu_);
  WorkerStats stats = stats_;
  stats.queued = queued;
  return stats;
}

void Worker::Impl::Run() {
  while (queue_.Receive(/*wait=*/batch_.size() == 0) || batch_.size() > 0) {
    const absl::Time now = options_.clock();
    if (DrainDeadlinePassed(now)) {
      EndIf([](const GenerationRequest&) { return ShuttingDown(); });
      continue;
    }
    EndIf([now](const GenerationRequest& request) { return WhyEnd(request, now); });
    StartWhatFits();
    if (batch_.size() == 0) continue;
    batch_.Step(farewells_);
    SayFarewells();
  }
  const MutexLock lock(mu_);
  has_ended_ = true;
  ended_.notify_all();
}

bool Worker::Impl::DrainDeadlinePassed(absl::Time now) const {
  const MutexLock lock(mu_);
  return now >= drain_deadline_;
}

// Ends every request, running or queued, for which `why` gives a status that is not OK.
void Worker::Impl::EndIf(absl::FunctionRef<absl::Status(const GenerationRequest&)> why) {
  batch_.EndIf(why, farewells_);
  queue_.RemoveIf([&](const QueuedRequest& queued) {
    absl::Status status = why(queued.request);
    if (status.ok()) return false;
    farewells_.push_back({.sink = queued.request.sink, .status = std::move(status)});
    return true;
  });
  SayFarewells();
}

void Worker::Impl::StartWhatFits() {
  while (queue_.waiting() > 0 && batch_.size() < options_.max_running &&
         batch_.HasBlocksFor(queue_.Front().request)) {
    batch_.Start(std::move(queue_.Front()), farewells_);
    PublishStats();  // before it leaves the queue, so that it is always counted
    queue_.PopFront();
  }
  SayFarewells();
}

void Worker::Impl::SayFarewells() {
  PublishStats();
  for (Farewell& farewell : farewells_) Say(std::move(farewell));
  farewells_.clear();
}

void Worker::Impl::PublishStats() {
  const RunningBatch::Counts& counts = batch_.counts();
  const MutexLock lock(mu_);
  stats_ = {.queued = 0,
            .running = batch_.size(),
            .free_blocks = batch_.free_blocks(),
            .total_blocks = limits_.total_blocks,
            .steps = counts.steps,
            .prompt_tokens = counts.prompt_tokens,
            .generated_tokens = counts.generated_tokens};
}

Worker::Worker(std::unique_ptr<model::Gpt2> model, model::KvCache cache,
               const model::Tokenizer& tokenizer, const WorkerOptions& options)
    : impl_(std::make_unique<Impl>(std::move(model), std::move(cache), tokenizer, options)) {}

Worker::~Worker() = default;

void Worker::Submit(GenerationRequest request) { impl_->Submit(std::move(request)); }

void Worker::Drain(absl::Time deadline) { impl_->Drain(deadline); }

void Worker::Wake() { impl_->Wake(); }

absl::Duration Worker::RetryAfter() const { return absl::Seconds(1); }

Worker::Pulse Worker::pulse() const { return {}; }

std::string Worker::DescribeRunning() const { return ""; }

WorkerStats Worker::stats() const { return impl_->stats(); }

}  // namespace cascade::server
