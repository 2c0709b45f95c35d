// SPDX-License-Identifier: Apache-2.0

#include "server/engine/load_monitor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::server {
namespace {

// What RetryAfter returns before any request has finished, and its limits.
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

}  // namespace

void LoadMonitor::Publish(const WorkerStats& stats, const Work& work) {
  const MutexLock lock(mu_);
  stats_ = stats;
  work_ = work;
}

void LoadMonitor::Describe(std::string running) {
  const MutexLock lock(mu_);
  description_ = std::move(running);
}

void LoadMonitor::AddStep(std::size_t rows, absl::Duration took,
                          const ServiceRate::Finished& finished) {
  const MutexLock lock(mu_);
  rate_.AddStep(rows, took, finished);
  step_seconds_.Add(absl::ToDoubleSeconds(took));
  step_rows_.Add(static_cast<double>(rows));
}

WorkerStats LoadMonitor::stats(const RequestQueue::Size& queued) const {
  const MutexLock lock(mu_);
  WorkerStats stats = stats_;
  stats.queued = queued.requests;
  stats.queued_tokens = queued.prompt_tokens;
  stats.tokens_per_second = rate_.RowsPerSecond();
  stats.requests_per_second = rate_.RequestsPerSecond();
  stats.step_seconds = step_seconds_;
  stats.step_rows = step_rows_;
  return stats;
}

std::string LoadMonitor::description() const {
  const MutexLock lock(mu_);
  return description_;
}

absl::Duration LoadMonitor::RetryAfter(const RequestQueue::Size& queued) const {
  const MutexLock lock(mu_);
  const absl::Duration per_request = rate_.TimePerRequest();
  if (per_request == absl::ZeroDuration()) return kUnknownRetry;
  // By then half of the requests that are queued now will have left the queue.
  const auto ahead = static_cast<double>(std::max<std::size_t>(1, queued.requests / 2));
  return std::clamp(per_request * ahead, kShortestRetry, kLongestRetry);
}

absl::Duration LoadMonitor::TimeToFirstToken(const GenerationRequest& request,
                                             const RequestQueue::Size& ahead) const {
  const MutexLock lock(mu_);
  // A request that would be alone is always let in: a wrong estimate (the process was stopped for a
  // minute, say) is corrected by the next step, and refusing everybody would keep it for ever.
  // Sequences whose reader is stalled take part in no step and correct nothing.
  if (ahead.requests + stats_.running == stats_.stalled) return absl::ZeroDuration();
  const std::size_t to_run =
      TokensToRun(stats_.counts, ahead.prompt_tokens + request.prompt.size());
  const absl::Duration prompts = rate_.TimeFor(work_.pending_tokens + to_run, limits_.step_tokens);
  return std::max(prompts, TimeToPlaces(request.choices, ahead));
}

// While places are short, each step gives a token to each of max_running sequences. So the tokens
// that come before the newcomer's turn, divided by max_running, are the steps until then. Each
// sequence ahead counts with an average answer, but all together with no more than their
// max_new_tokens leave.
absl::Duration LoadMonitor::TimeToPlaces(std::size_t choices,
                                         const RequestQueue::Size& ahead) const {
  const std::size_t running = stats_.running - stats_.stalled;
  if (running + ahead.choices + choices <= limits_.max_running) return absl::ZeroDuration();
  const double average = rate_.TokensPerChoice();
  const auto tokens_of = [average](std::size_t sequences, std::size_t most) {
    return std::min(average * static_cast<double>(sequences), static_cast<double>(most));
  };
  const double tokens =
      tokens_of(running, work_.tokens_to_come) + tokens_of(ahead.choices, ahead.new_tokens);
  const absl::Duration step = rate_.TimeFor(limits_.max_running, limits_.step_tokens);
  return step * (tokens / static_cast<double>(limits_.max_running));
}

absl::Status LoadMonitor::CheckDeadline(const GenerationRequest& request, absl::Duration left,
                                        const RequestQueue::Size& ahead) const {
  const absl::Duration estimate = TimeToFirstToken(request, ahead);
  if (estimate / 2 <= left) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat("the deadline is in ", absl::FormatDuration(left), ", but with ", ahead.requests,
                   " requests before it the first token is to be expected in about ",
                   absl::FormatDuration(estimate)));
}

}  // namespace cascade::server
