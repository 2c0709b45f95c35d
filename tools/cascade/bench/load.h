// A load, offered to a server.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "cascade/v1/text_generation.grpc.pb.h"
#include "tools/cascade/bench/pace.h"
#include "tools/cascade/bench/stream.h"
#include "tools/cascade/bench/tally.h"
#include "tools/cascade/bench/workload.h"

namespace cascade::cli::bench {

// How requests are offered: open loop if there is a rate, closed loop if not.
struct OfferedLoad {
  std::uint32_t concurrency = 1;  // clients that each wait for their answer
  std::optional<double> rate;     // requests a second, come what may
};

struct LoadOptions {
  OfferedLoad offered;

  // No request is started after so many, or after so long. What has started is waited for.
  std::optional<std::uint64_t> requests;
  absl::Duration duration = absl::InfiniteDuration();

  // Bounds the memory of an open loop. A request that had to wait for another's end counts from the
  // time at which it was due all the same.
  std::uint32_t max_in_flight = 10'000;

  absl::Duration timeout = absl::InfiniteDuration();  // each call's deadline
  std::uint64_t seed = 0;                             // of the arrivals
};

struct LoadResult {
  Counts counts;
  std::chrono::nanoseconds elapsed{0};  // from the first request's time to the last one's end
  bool interrupted = false;
};

// One run of a load, used once. Runs in its caller's thread; the streams run in gRPC's.
//
// In a closed loop, a client that was refused comes back when the server's RetryInfo says, and
// after any other failure, or without RetryInfo, after 100 ms; so an error costs no more than its
// request.
class Load : public StreamOwner {
 public:
  using Stubs = std::span<const std::unique_ptr<v1::TextGeneration::Stub>>;
  using ProgressFunction = std::function<void(const Counts&, std::chrono::nanoseconds elapsed)>;

  // Requests go over `stubs` by turns. All is borrowed and must outlive Run.
  Load(const LoadOptions& options, const Workload& workload, Stubs stubs);

  // Returns when every request that was started has ended. On `stop`, those in flight are
  // cancelled. Calls `on_progress`, if there is one, every `progress_interval`.
  LoadResult Run(const std::stop_token& stop, absl::Duration progress_interval,
                 const ProgressFunction& on_progress);

  // For the streams.
  void OnEnded(Stream& stream, const grpc::Status& status) override;

 private:
  // Waits for the next request's turn, and takes it. Nothing if there are to be no more.
  std::optional<Clock::time_point> WaitForTurn();
  bool NoMore(Clock::time_point next) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartOne(Clock::time_point due);
  void WaitForEnds();
  void InterruptAll();

  // Sleeps until something has changed, or it is `until` or time to report. Reports progress.
  void Sleep(Clock::time_point until) ABSL_LOCKS_EXCLUDED(mutex_);

  const LoadOptions options_;
  const Workload& workload_;
  const Stubs stubs_;
  const Clock::time_point begin_;
  const Clock::time_point end_;  // of starting requests
  Tally tally_;
  std::uint64_t taken_ = 0;  // turns
  absl::Duration progress_interval_;
  Clock::time_point next_progress_;
  ProgressFunction on_progress_;

  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;  // since the last sleep
  Clock::time_point last_end_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Pace> pace_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<const Stream*, std::shared_ptr<Stream>> in_flight_ ABSL_GUARDED_BY(mutex_);
  std::size_t being_destroyed_ ABSL_GUARDED_BY(mutex_) = 0;  // streams that were in flight
};

}  // namespace cascade::cli::bench
