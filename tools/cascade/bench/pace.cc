// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/bench/pace.h"

#include <functional>
#include <queue>
#include <vector>

#include "tools/cascade/bench/random.h"

namespace cascade::cli::bench {
namespace {

class OpenPace : public Pace {
 public:
  OpenPace(double rate, std::uint64_t seed, Clock::time_point start)
      : rate_(rate), random_(SeededRandom(seed, Purpose::kArrivals, 0)), start_(start) {
    Take();
  }

  std::optional<Clock::time_point> Next() const override {
    return start_ +
           std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds_));
  }

  void Take() override { seconds_ += Exponential(random_) / rate_; }
  void OnEnded(Clock::time_point /*ready*/) override {}

 private:
  const double rate_;
  Random random_;
  const Clock::time_point start_;
  double seconds_ = 0;  // of the next arrival
};

class ClosedPace : public Pace {
 public:
  ClosedPace(std::uint32_t concurrency, Clock::time_point start) {
    for (std::uint32_t i = 0; i < concurrency; ++i) ready_.push(start);
  }

  std::optional<Clock::time_point> Next() const override {
    if (ready_.empty()) return std::nullopt;
    return ready_.top();
  }

  void Take() override { ready_.pop(); }
  void OnEnded(Clock::time_point ready) override { ready_.push(ready); }

 private:
  // Of the clients without a request, the first ready one on top.
  std::priority_queue<Clock::time_point, std::vector<Clock::time_point>, std::greater<>> ready_;
};

}  // namespace

std::unique_ptr<Pace> MakeOpenPace(double rate, std::uint64_t seed, Clock::time_point start) {
  return std::make_unique<OpenPace>(rate, seed, start);
}

std::unique_ptr<Pace> MakeClosedPace(std::uint32_t concurrency, Clock::time_point start) {
  return std::make_unique<ClosedPace>(concurrency, start);
}

}  // namespace cascade::cli::bench
