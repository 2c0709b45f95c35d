// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/bench/load.h"

#include <algorithm>
#include <utility>

#include "tools/cascade/status_text.h"

namespace cascade::cli::bench {
namespace {

constexpr absl::Duration kPauseAfterFailure = absl::Milliseconds(100);

Clock::time_point After(Clock::time_point time, absl::Duration duration) {
  if (duration == absl::InfiniteDuration()) return Clock::time_point::max();
  return time + absl::ToChronoNanoseconds(duration);
}

// When the client of a closed loop that got `status` may come back.
Clock::time_point ReadyAfter(const grpc::Status& status, Clock::time_point now) {
  if (status.ok() || status.error_code() == grpc::StatusCode::CANCELLED) return now;
  return After(now, RetryDelay(status).value_or(kPauseAfterFailure));
}

std::unique_ptr<Pace> MakePace(const LoadOptions& options, Clock::time_point begin) {
  if (options.offered.rate) return MakeOpenPace(*options.offered.rate, options.seed, begin);
  return MakeClosedPace(options.offered.concurrency, begin);
}

}  // namespace

Load::Load(const LoadOptions& options, const Workload& workload, Stubs stubs)
    : options_(options),
      workload_(workload),
      stubs_(stubs),
      begin_(Clock::now()),
      end_(After(begin_, options.duration)),
      last_end_(begin_),
      pace_(MakePace(options, begin_)) {}

LoadResult Load::Run(const std::stop_token& stop, absl::Duration progress_interval,
                     const ProgressFunction& on_progress) {
  progress_interval_ = on_progress ? progress_interval : absl::InfiniteDuration();
  next_progress_ = After(begin_, progress_interval_);
  on_progress_ = on_progress;
  const std::stop_callback on_stop(stop, [this] {
    const absl::MutexLock lock(&mutex_);
    stopped_ = true;
    changed_ = true;
  });
  while (const std::optional<Clock::time_point> due = WaitForTurn()) StartOne(*due);
  WaitForEnds();
  const absl::MutexLock lock(&mutex_);
  return {.counts = tally_.Snapshot(), .elapsed = last_end_ - begin_, .interrupted = stopped_};
}

bool Load::NoMore(Clock::time_point next) const {
  return stopped_ || next >= end_ || (options_.requests && taken_ >= *options_.requests);
}

std::optional<Clock::time_point> Load::WaitForTurn() {
  while (true) {
    Clock::time_point until = end_;
    {
      const absl::MutexLock lock(&mutex_);
      const Clock::time_point now = Clock::now();
      const bool has_room = in_flight_.size() < options_.max_in_flight;
      const std::optional<Clock::time_point> next = has_room ? pace_->Next() : std::nullopt;
      if (NoMore(next.value_or(now))) return std::nullopt;
      if (next && *next <= now) {
        pace_->Take();
        ++taken_;
        return next;
      }
      until = std::min(until, next.value_or(until));
    }
    Sleep(until);
  }
}

void Load::StartOne(Clock::time_point due) {
  const std::uint64_t index = taken_ - 1;
  // The clients of a closed loop have no schedule to keep.
  if (!options_.offered.rate) due = Clock::now();
  const auto stream = std::make_shared<Stream>(workload_.Plan(index), due, tally_, *this);
  {
    const absl::MutexLock lock(&mutex_);
    in_flight_.emplace(stream.get(), stream);
  }
  stream->Start(*stubs_[index % stubs_.size()], options_.timeout);
}

void Load::OnEnded(Stream& stream, const grpc::Status& status) {
  const Clock::time_point now = Clock::now();
  decltype(in_flight_)::node_type ended;
  {
    const absl::MutexLock lock(&mutex_);
    ended = in_flight_.extract(&stream);
    ++being_destroyed_;
  }
  // Not under the lock, and before Run returns: a stream holds its channel, and if this thread of
  // gRPC's were the last to let go of all channels, gRPC would join it with itself.
  ended = {};
  const absl::MutexLock lock(&mutex_);
  --being_destroyed_;
  pace_->OnEnded(ReadyAfter(status, now));
  last_end_ = now;
  changed_ = true;
}

void Load::WaitForEnds() {
  bool interrupted = false;
  while (true) {
    bool stopped = false;
    {
      const absl::MutexLock lock(&mutex_);
      if (in_flight_.empty() && being_destroyed_ == 0) return;
      stopped = stopped_;
    }
    if (stopped && !interrupted) InterruptAll();
    interrupted = stopped;
    Sleep(Clock::time_point::max());
  }
}

// Not under the lock: a cancelled call may end in this very thread.
void Load::InterruptAll() {
  std::vector<std::shared_ptr<Stream>> streams;
  {
    const absl::MutexLock lock(&mutex_);
    for (const auto& [key, stream] : in_flight_) streams.push_back(stream);
  }
  for (const std::shared_ptr<Stream>& stream : streams) stream->Interrupt();
}

void Load::Sleep(Clock::time_point until) {
  {
    const absl::MutexLock lock(&mutex_);
    const Clock::time_point wake = std::min(until, next_progress_);
    const absl::Time deadline = wake == Clock::time_point::max()
                                    ? absl::InfiniteFuture()
                                    : absl::Now() + absl::FromChrono(wake - Clock::now());
    mutex_.AwaitWithDeadline(absl::Condition(&changed_), deadline);
    changed_ = false;
  }
  const Clock::time_point now = Clock::now();
  if (now < next_progress_) return;
  next_progress_ = After(now, progress_interval_);
  on_progress_(tally_.Snapshot(), now - begin_);
}

}  // namespace cascade::cli::bench
