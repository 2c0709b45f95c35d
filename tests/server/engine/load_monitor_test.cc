// SPDX-License-Identifier: Apache-2.0

#include "server/engine/load_monitor.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <random>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using cascade::testing::IsOk;

constexpr LoadMonitor::Limits kLimits = {.max_running = 8, .step_tokens = 32};

// A worker whose steps take 4 ms and 0.5 ms a row.
absl::Duration StepOf(std::size_t rows) {
  return absl::Milliseconds(4) + absl::Microseconds(500) * static_cast<double>(rows);
}

// What the simulation knows of a request, and the monitor does not: how long its answer will be.
struct Answer {
  std::size_t prompt = 0;  // tokens of it that have not run
  std::size_t length = 0;
  std::size_t most = 0;  // max_new_tokens
  std::size_t generated = 0;
};

GenerationRequest RequestOf(const Answer& answer) {
  GenerationRequest request;
  request.prompt.assign(answer.prompt, 1);
  request.params.stopping.max_new_tokens = answer.most;
  return request;
}

// The worker as the scheduler runs it: first come, first served; in each step a token for every
// running answer whose prompt has run, and prompt tokens in the rest of the step's rows.
struct World {
  std::deque<Answer> queue;
  std::vector<Answer> running;
  std::size_t arrived = 0;
  std::size_t first_tokens = 0;  // answers that have begun, in order of arrival
  ServiceRate::Finished finished;

  void Arrive(const Answer& answer) {
    queue.push_back(answer);
    ++arrived;
  }

  // Returns the rows of the step.
  std::size_t Step() {
    while (running.size() < kLimits.max_running && !queue.empty()) {
      running.push_back(queue.front());
      queue.pop_front();
    }
    std::size_t rows = static_cast<std::size_t>(
        std::ranges::count_if(running, [](const Answer& a) { return a.prompt == 0; }));
    finished = {};
    for (Answer& answer : running) {
      if (answer.prompt > 0) {
        const std::size_t taken = std::min(answer.prompt, kLimits.step_tokens - rows);
        rows += taken;
        answer.prompt -= taken;
        if (taken == 0 || answer.prompt > 0) continue;
        ++first_tokens;
      }
      if (++answer.generated < answer.length) continue;
      ++finished.requests;
      ++finished.choices;
      finished.tokens += answer.generated;
    }
    std::erase_if(running, [](const Answer& a) { return a.generated == a.length; });
    return rows;
  }

  RequestQueue::Size QueueSize() const {
    RequestQueue::Size size;
    for (const Answer& answer : queue) {
      ++size.requests;
      ++size.choices;
      size.prompt_tokens += answer.prompt;
      size.new_tokens += answer.most;
    }
    return size;
  }

  void PublishTo(LoadMonitor& monitor) const {
    LoadMonitor::Work work;
    for (const Answer& answer : running) {
      work.pending_tokens += std::max<std::size_t>(answer.prompt, 1);
      work.tokens_to_come += answer.most - answer.generated;
    }
    WorkerStats stats;
    stats.running = running.size();
    stats.counts.prompt_tokens = 1;  // none from the prefix cache
    monitor.Publish(stats, work);
  }
};

// When the first token of an answer that arrives now comes.
absl::Duration TimeToFirstToken(World world, const Answer& answer) {
  world.Arrive(answer);
  const std::size_t wanted = world.arrived;
  absl::Duration time;
  while (world.first_tokens < wanted) time += StepOf(world.Step());
  return time;
}

struct Burst {
  std::mt19937 rng;
  double mean_length = 0;
  std::size_t most = 0;
  bool equal_lengths = false;

  Answer Next() {
    std::exponential_distribution<double> length(1 / mean_length);
    const double drawn = equal_lengths ? mean_length : 1 + length(rng);
    return {.prompt = 1 + rng() % 60,
            .length = std::min(most, static_cast<std::size_t>(drawn)),
            .most = most};
  }
};

// What the monitor says to 300 requests that arrive within the first two seconds.
struct Verdicts {
  std::size_t refused_in_time = 0;  // would have had their first token a step before the deadline
  std::size_t hopeless = 0;  // had a quarter of the time that it takes, and a long line ahead
  std::size_t hopeless_refused = 0;
};

Verdicts RunBurst(Burst burst) {
  LoadMonitor monitor(kLimits);
  World world;
  Verdicts verdicts;
  bool is_measured = false;
  for (std::size_t i = 0; i < 300; ++i) {
    const Answer answer = burst.Next();
    const absl::Duration actual = TimeToFirstToken(world, answer);
    const auto check = [&](absl::Duration left) {
      return monitor.CheckDeadline(RequestOf(answer), left, world.QueueSize());
    };
    if (!check(actual + StepOf(kLimits.step_tokens)).ok()) ++verdicts.refused_in_time;
    if (is_measured && world.queue.size() > 3 * kLimits.max_running) {
      ++verdicts.hopeless;
      if (!check(actual / 4).ok()) ++verdicts.hopeless_refused;
    }
    world.Arrive(answer);
    if (i % 3 != 0) continue;
    const std::size_t rows = world.Step();
    monitor.AddStep(rows, StepOf(rows), world.finished);
    world.PublishTo(monitor);
    is_measured = is_measured || world.finished.requests > 0;
  }
  return verdicts;
}

// The tolerance: an estimate may be twice what comes true, and a full step more, since the first
// steps do not tell yet what a row costs. Answers of all lengths, with limits far above them and
// limits that they reach.
TEST(LoadMonitorTest, NobodyIsRefusedInABurstWhoWouldHaveBeenServedInTime) {
  std::size_t hopeless = 0;
  std::size_t refused = 0;
  for (unsigned seed = 0; seed < 3; ++seed) {
    for (const double mean : {5.0, 20.0, 100.0}) {
      for (const std::size_t most : {50U, 4000U}) {
        for (const bool equal : {false, true}) {
          const Verdicts verdicts = RunBurst({std::mt19937(seed), mean, most, equal});
          EXPECT_EQ(verdicts.refused_in_time, 0U)
              << "seed " << seed << ", mean " << mean << ", most " << most << ", equal " << equal;
          hopeless += verdicts.hopeless;
          refused += verdicts.hopeless_refused;
        }
      }
    }
  }
  EXPECT_GT(hopeless, 0U);
  EXPECT_GT(2 * refused, hopeless) << "the estimate is of use";
}

// A monitor of a full batch that has learned that a step takes a second.
class FullBatchTest : public ::testing::Test {
 protected:
  FullBatchTest() {
    for (int i = 0; i < 100; ++i) monitor_.AddStep(8, absl::Seconds(1), {});
    stats_.running = 8;
    stats_.counts.prompt_tokens = 1;
  }

  absl::Status Check(absl::Duration left, const RequestQueue::Size& queued = {}) const {
    return monitor_.CheckDeadline(RequestOf({.prompt = 1, .length = 1, .most = 1}), left, queued);
  }

  LoadMonitor monitor_{kLimits};
  WorkerStats stats_;
};

TEST_F(FullBatchTest, NobodyIsRefusedForAPlaceBeforeAnAnswerHasFinished) {
  monitor_.Publish(stats_, {.pending_tokens = 8, .tokens_to_come = 1'000'000});
  EXPECT_THAT(Check(absl::Seconds(2)), IsOk());
}

TEST_F(FullBatchTest, LongAnswersOfThePastDoNotCountWhereFewTokensAreLeft) {
  monitor_.AddStep(8, absl::Seconds(1), {.requests = 1, .choices = 1, .tokens = 100'000});
  monitor_.Publish(stats_, {.pending_tokens = 8, .tokens_to_come = 8 * 100'000});
  EXPECT_FALSE(Check(absl::Seconds(20)).ok());
  monitor_.Publish(stats_, {.pending_tokens = 8, .tokens_to_come = 8 * 10});  // ten steps
  EXPECT_THAT(Check(absl::Seconds(6)), IsOk());
  EXPECT_FALSE(Check(absl::Seconds(4)).ok());
  const RequestQueue::Size queued = {
      .requests = 8, .prompt_tokens = 8, .choices = 8, .new_tokens = 8 * 10};  // ten more
  EXPECT_THAT(Check(absl::Seconds(11), queued), IsOk());
  EXPECT_FALSE(Check(absl::Seconds(9), queued).ok());
}

TEST_F(FullBatchTest, ThoseWhoseReaderIsStalledAreNoCompany) {
  stats_.stalled = 8;
  monitor_.Publish(stats_, {});
  EXPECT_THAT(Check(absl::Milliseconds(1)), IsOk()) << "or nobody would ever correct the estimate";
}

}  // namespace
}  // namespace cascade::server
