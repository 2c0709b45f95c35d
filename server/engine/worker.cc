// SPDX-License-Identifier: Apache-2.0

#include "server/engine/worker.h"

#include <thread>
#include <utility>

#include "model/cache/kv_cache.h"
#include "model/language_model.h"
#include "server/engine/drain_state.h"
#include "server/engine/end_reasons.h"
#include "server/engine/generation_request.h"
#include "server/engine/limits.h"
#include "server/engine/load_monitor.h"
#include "server/engine/prefix_log.h"
#include "server/engine/request_queue.h"
#include "server/engine/worker_loop.h"

namespace cascade::server {

// The parts of a worker. `loop` is the thread's; the others are for any thread.
struct Worker::Parts {
  Parts(std::unique_ptr<model::LanguageModel> model, model::KvCache cache,
        const model::Tokenizer& tokenizer, const WorkerOptions& worker_options)
      : options(worker_options),
        limits({.n_ctx = model->config().n_ctx,
                .vocab_size = model->config().vocab_size,
                .total_blocks = cache.blocks().num_blocks(),
                .max_running = options.max_running}),
        queue({.max_requests = options.max_queued + options.max_running,
               .max_tokens = options.max_queued_tokens,
               .ageing = options.priority_ageing}),
        monitor({.max_running = options.max_running, .step_tokens = options.step_tokens}),
        prefixes(options.kept_prefix_events),
        loop({options, end_reasons, queue, drain, monitor, prefixes}, std::move(model),
             std::move(cache), tokenizer),
        thread([this] { loop.Run(); }) {}

  const WorkerOptions options;
  const EngineLimits limits;
  const EndReasons end_reasons;
  RequestQueue queue;
  DrainState drain;
  LoadMonitor monitor;
  PrefixLog prefixes;
  WorkerLoop loop;
  std::thread thread;  // last: the other parts are there before it starts
};

Worker::Worker(std::unique_ptr<model::LanguageModel> model, model::KvCache cache,
               const model::Tokenizer& tokenizer, const WorkerOptions& options)
    : parts_(std::make_unique<Parts>(std::move(model), std::move(cache), tokenizer, options)) {}

Worker::~Worker() {
  StartDrain(absl::InfinitePast());
  parts_->thread.join();
}

void Worker::Submit(GenerationRequest request) {
  const absl::Time now = parts_->options.clock();
  absl::Status refusal = CheckRunnable(request, parts_->limits);
  if (refusal.ok()) refusal = CheckDeadline(request, now);
  QueuedRequest queued = {.request = std::move(request), .submitted = now};
  if (refusal.ok()) refusal = parts_->queue.TryPush(queued);
  if (refusal.ok()) return;
  queued.request.permit = {};  // given back before the sink hears of the refusal
  queued.request.sink->OnFailed(std::move(refusal));
}

std::shared_ptr<void> Worker::Expect() {
  parts_->queue.Expect();
  const auto release = [](RequestQueue* queue) { queue->ExpectNoMore(); };
  return std::shared_ptr<RequestQueue>(&parts_->queue, release);
}

absl::Status Worker::CheckDeadline(const GenerationRequest& request, absl::Time now) const {
  if (request.deadline == absl::InfiniteFuture()) return absl::OkStatus();
  const absl::Duration left = request.deadline - now;
  if (left < absl::ZeroDuration()) return parts_->end_reasons.deadline_passed;
  return parts_->monitor.CheckDeadline(request, left, parts_->queue.SizeAhead(request.caller));
}

void Worker::Drain(absl::Time deadline) {
  StartDrain(deadline);
  while (!AwaitDrained(absl::Hours(1))) {
  }
}

void Worker::StartDrain(absl::Time deadline) {
  parts_->drain.SetDeadline(deadline);
  parts_->queue.Close(parts_->end_reasons.shutting_down);  // wakes the worker: it sees the deadline
}

bool Worker::AwaitDrained(absl::Duration at_most) { return parts_->drain.AwaitEnded(at_most); }

void Worker::Wake() { parts_->queue.Wake(); }

void Worker::ForgetPrefixes() {
  parts_->loop.ForgetPrefixes();
  Wake();
}

const PrefixLog& Worker::prefixes() const { return parts_->prefixes; }

absl::Duration Worker::RetryAfter() const {
  return parts_->monitor.RetryAfter(parts_->queue.size());
}

WorkerStats Worker::stats() const { return parts_->monitor.stats(parts_->queue.size()); }

Worker::Pulse Worker::pulse() const {
  return {.count = parts_->loop.turns(), .busy = parts_->loop.busy()};
}

std::string Worker::DescribeRunning() const { return parts_->monitor.description(); }

}  // namespace cascade::server
