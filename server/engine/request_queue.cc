// SPDX-License-Identifier: Apache-2.0

#include "server/engine/request_queue.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::server {
namespace {

constexpr std::chrono::milliseconds kBriefWait{20};

// The priority that a request has come to that waits since `since`.
std::int64_t PriorityNow(const QueuedRequest& queued, absl::Time since, absl::Time now,
                         absl::Duration ageing) {
  if (ageing == absl::InfiniteDuration()) return queued.request.priority;
  absl::Duration rest;
  return queued.request.priority + absl::IDivDuration(now - since, ageing, &rest);
}

RequestQueue::Size SizeOf(const GenerationRequest& request) {
  return {.requests = 1,
          .prompt_tokens = request.prompt.size(),
          .choices = request.choices,
          .new_tokens = request.choices * request.params.stopping.max_new_tokens - request.resumed};
}

void Add(const RequestQueue::Size& size, RequestQueue::Size& sum) {
  sum.requests += size.requests;
  sum.prompt_tokens += size.prompt_tokens;
  sum.choices += size.choices;
  sum.new_tokens += size.new_tokens;
}

void Subtract(const RequestQueue::Size& size, RequestQueue::Size& sum) {
  sum.requests -= size.requests;
  sum.prompt_tokens -= size.prompt_tokens;
  sum.choices -= size.choices;
  sum.new_tokens -= size.new_tokens;
}

// What `requests` of those that `all` counts have on average.
RequestQueue::Size Share(const RequestQueue::Size& all, std::size_t requests) {
  if (requests >= all.requests) return all;
  const auto part = [&all, requests](std::size_t of_all) {
    return of_all * requests / all.requests;
  };
  return {.requests = requests,
          .prompt_tokens = part(all.prompt_tokens),
          .choices = part(all.choices),
          .new_tokens = part(all.new_tokens)};
}

}  // namespace

absl::Status RequestQueue::TryPush(QueuedRequest& request) {
  std::list<QueuedRequest> node;  // allocated before the lock is taken
  try {
    node.emplace_back();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("there is no memory for one more request");
  }
  const Size size = SizeOf(request.request);
  const Caller caller = request.request.caller;
  const MutexLock lock(mu_);
  const bool follows = request.request.follows;
  if (!closed_.ok() && !(follows && expected_ > 0)) return closed_;
  if (!follows && size_.requests >= options_.max_requests) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the queue is full: ", size_.requests, " requests wait"));
  }
  if (!follows && size_.prompt_tokens > 0 &&
      size_.prompt_tokens + size.prompt_tokens > options_.max_tokens) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the queue is full: ", size_.prompt_tokens, " prompt tokens wait, of at most ",
                     options_.max_tokens, "; the prompt has ", size.prompt_tokens));
  }
  node.front() = std::move(request);
  arrivals_.splice(arrivals_.end(), node);
  Add(size, size_);
  Add(size, sizes_[caller]);
  changed_.notify_one();
  return absl::OkStatus();
}

void RequestQueue::Close(absl::Status why) {
  const MutexLock lock(mu_);
  closed_.Update(std::move(why));
  changed_.notify_one();
}

void RequestQueue::Expect() {
  const MutexLock lock(mu_);
  ++expected_;
}

void RequestQueue::ExpectNoMore() {
  const MutexLock lock(mu_);
  --expected_;
  changed_.notify_one();
}

void RequestQueue::Wake() {
  const MutexLock lock(mu_);
  woken_ = true;
  changed_.notify_one();
}

RequestQueue::Size RequestQueue::size() const {
  const MutexLock lock(mu_);
  return size_;
}

RequestQueue::Size RequestQueue::SizeAhead(Caller caller) const {
  const MutexLock lock(mu_);
  Size ahead;
  const std::size_t turns = sizes_[caller].requests + 1;
  for (const Size& size : sizes_) Add(Share(size, turns), ahead);
  return ahead;
}

bool RequestQueue::Receive(Wait wait) {
  const MutexLock lock(mu_);
  if (wait == Wait::kUntilSomethingHappens) {
    while (size_.requests == 0 && closed_.ok() && !woken_) changed_.wait(mu_);
    // What is expected comes soon, but so may the end of the time to drain: the caller looks again.
    if (size_.requests == 0 && expected_ > 0 && !woken_) changed_.wait_for(mu_, kBriefWait);
  } else if (wait == Wait::kBriefly && arrivals_.empty() && !woken_) {
    changed_.wait_for(mu_, kBriefWait);  // whatever wakes it: the caller looks again
  }
  woken_ = false;
  waiting_.splice(waiting_.end(), arrivals_);
  return size_.requests > 0 || expected_ > 0 || closed_.ok();
}

QueuedRequest* RequestQueue::Next(absl::Time now) {
  // The best of each caller, and then the best of those.
  std::array<std::list<QueuedRequest>::iterator, kCallers> best;
  best.fill(waiting_.end());
  std::array<std::int64_t, kCallers> highest;
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    const Caller caller = it->request.caller;
    const std::int64_t priority = PriorityNow(*it, it->submitted, now, options_.ageing);
    if (best[caller] != waiting_.end() && priority <= highest[caller]) continue;
    highest[caller] = priority;
    best[caller] = it;
  }
  next_ = waiting_.end();
  for (const auto it : best) {
    if (it == waiting_.end()) continue;
    if (next_ == waiting_.end() || GoesBefore(*it, *next_, now)) next_ = it;
  }
  if (next_ == waiting_.end()) return nullptr;
  next_size_ = SizeOf(next_->request);
  next_caller_ = next_->request.caller;
  next_time_ = now;
  return &*next_;
}

bool RequestQueue::GoesBefore(const QueuedRequest& a, const QueuedRequest& b,
                              absl::Time now) const {
  const Turn& turn_of_a = turns_[a.request.caller];
  const Turn& turn_of_b = turns_[b.request.caller];
  const std::int64_t priority_of_a =
      PriorityNow(a, std::max(a.submitted, turn_of_a.taken), now, options_.ageing);
  const std::int64_t priority_of_b =
      PriorityNow(b, std::max(b.submitted, turn_of_b.taken), now, options_.ageing);
  if (priority_of_a != priority_of_b) return priority_of_a > priority_of_b;
  if (turn_of_a.number != turn_of_b.number) return turn_of_a.number < turn_of_b.number;
  return a.submitted < b.submitted;
}

void RequestQueue::Pop() {
  assert(next_ != waiting_.end());
  waiting_.erase(next_);
  next_ = waiting_.end();
  turns_[next_caller_] = {.number = ++turns_taken_, .taken = next_time_};
  Left(next_caller_, next_size_);
}

void RequestQueue::RemoveIf(absl::FunctionRef<bool(const QueuedRequest&)> gone) {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (!gone(*it)) {
      ++it;
      continue;
    }
    const Size size = SizeOf(it->request);
    const Caller caller = it->request.caller;
    it = waiting_.erase(it);
    Left(caller, size);
  }
  next_ = waiting_.end();
}

void RequestQueue::Left(Caller caller, const Size& left) {
  const MutexLock lock(mu_);
  Subtract(left, size_);
  Subtract(left, sizes_[caller]);
}

}  // namespace cascade::server
