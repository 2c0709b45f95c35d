// SPDX-License-Identifier: Apache-2.0
// Puts a load on a server.
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

// How requests are sent: in an open loop if there is a rate, else in a closed loop.
struct OfferedLoad {
  std::uint32_t concurrency = 1;  // clients that each wait for their answer
  std::optional<double> rate;     // requests per second, however slowly they are answered
};

struct LoadOptions {
  OfferedLoad offered;

  // The run starts no request after this many, or after this long. It waits for those it started.
  std::optional<std::uint64_t> requests;
  absl::Duration duration = absl::InfiniteDuration();

  // Bounds the memory of an open loop. A request that had to wait for another's end counts from the
  // time at which it was due all the same.
  std::uint32_t max_in_flight = 10'000;

  absl::Duration timeout = absl::InfiniteDuration();  // deadline of each call
  std::uint64_t seed = 0;                             // for the arrival times
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

  // Requests use `stubs` round robin. All arguments are borrowed and must outlive Run.
  Load(const LoadOptions& options, const Workload& workload, Stubs stubs);

  // Returns when every request that was started has ended. On `stop`, those in flight are
  // cancelled. Calls `on_progress`, if there is one, every `progress_interval`.
  LoadResult Run(const std::stop_token& stop, absl::Duration progress_interval,
                 const ProgressFunction& on_progress);

  // For the streams.
  void OnEnded(Stream& stream, const grpc::Status& status) override;

 private:
  // Waits until the next request is due and takes its turn. Empty if no more requests are to start.
  std::optional<Clock::time_point> WaitForTurn();
  bool NoMore(Clock::time_point next) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartOne(Clock::time_point due);
  void WaitForEnds();
  void InterruptAll();

  // Sleeps until a stream reports, until `until`, or until the next progress report is due, and
  // reports progress.
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
