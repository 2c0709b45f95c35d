// SPDX-License-Identifier: Apache-2.0
// Ten thousand requests of every fate at once: what ends badly, and when, is left to chance; that
// each sink ends exactly once, that results are right, and that everything is given back is not.
#include <atomic>
#include <cstddef>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/engine/admission.h"
#include "server/engine/clock.h"
#include "server/engine/worker.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/tiny_engine.h"

namespace cascade::server {
namespace {

using testing::RecordingSink;
using testing::SinkRecord;

constexpr std::size_t kThreads = 4;
constexpr std::size_t kRequestsPerThread = 2500;
constexpr std::size_t kTemplates = 24;
constexpr std::size_t kBlocks = 10;
constexpr std::size_t kMaxRunning = 6;
constexpr std::size_t kMaxQueued = 40;

// What can be asked, and what comes of it when nobody interferes.
struct Template {
  GenerationRequest request;  // without sink and permit
  SinkRecord expected;
};

GenerationRequest Instance(const GenerationRequest& original, TokenSink& sink) {
  GenerationRequest request;
  request.prompt = original.prompt;
  request.params = original.params;
  request.sink = &sink;
  return request;
}

std::vector<Template> MakeTemplates(const model::Tokenizer& tokenizer) {
  std::mt19937 rng(21);
  std::vector<Template> templates(kTemplates);
  const auto worker = testing::MakeTinyWorker(tokenizer, {.worker = {.max_running = 1}});
  for (Template& made : templates) {
    RecordingSink sink;
    made.request = testing::Request(1 + rng() % 40, 1 + rng() % 20, sink);
    model::GenerationParams& params = made.request.params;
    params.sampling.temperature = rng() % 2 == 0 ? 0.0F : 1.0F;
    params.sampling.seed = rng();
    params.output.logprobs = rng() % 2 == 0;
    if (rng() % 3 == 0) params.stopping.stop = {"a", "e", "th", "\n"};
    worker->Submit(Instance(made.request, sink));
    made.expected = sink.Await();
  }
  return templates;
}

// One request's fate.
struct Subject {
  RecordingSink sink;
  const Template* made_of = nullptr;
  bool is_valid = true;
};

class StressTest : public ::testing::Test {
 protected:
  void SubmitMany(std::size_t thread, Worker& worker) {
    std::mt19937 rng(static_cast<unsigned>(100 + thread));
    for (std::size_t i = 0; i < kRequestsPerThread; ++i) {
      SubmitOne(subjects_[thread * kRequestsPerThread + i], rng, worker);
      if (rng() % 4 == 0) {  // somebody else gives up, at whatever point it is
        subjects_[thread * kRequestsPerThread + rng() % (i + 1)].sink.Cancel();
      }
    }
  }

  void SubmitOne(Subject& subject, std::mt19937& rng, Worker& worker) {
    subject.made_of = &templates_[rng() % kTemplates];
    GenerationRequest request = Instance(subject.made_of->request, subject.sink);
    switch (rng() % 10) {
      case 0:
        request.prompt.assign(60, 1);
        request.params.stopping.max_new_tokens = 1000;
        request.prompt[rng() % 60] = 200;  // not in the vocabulary
        subject.is_valid = false;
        break;
      case 1:
        request.deadline = MonotonicNow() + absl::Microseconds(rng() % 3000);
        break;
      case 2:
        subject.sink.on_step = [&subject, last = 1 + rng() % 5](std::size_t count) {
          if (count == last) subject.sink.Cancel();
        };
        break;
      default:
        break;
    }
    // Most wait until admission lets them in; the others take no for an answer.
    const bool patient = rng() % 8 != 0;
    do {
      request.permit = admission_.TryEnter();
      if (!request.permit) std::this_thread::yield();
    } while (!request.permit && patient);
    submitted_.fetch_add(1);
    if (!request.permit) return subject.sink.OnFailed(absl::ResourceExhaustedError("no place"));
    worker.Submit(std::move(request));
  }

  static void Check(const Subject& subject) {
    const SinkRecord record = subject.sink.record();
    ASSERT_EQ(record.ends, 1U);
    ASSERT_FALSE(record.called_after_end);
    ASSERT_FALSE(!subject.is_valid && record.end->ok());
    // What there is of a result is the beginning of the right one, and all of it at a good end.
    const SinkRecord& expected = subject.made_of->expected;
    ASSERT_EQ(record.end->ok(), record.finish.has_value());
    ASSERT_LE(record.tokens.size(), expected.tokens.size());
    for (std::size_t t = 0; t < record.tokens.size(); ++t) {
      ASSERT_EQ(record.tokens[t].id, expected.tokens[t].id);
      ASSERT_EQ(record.tokens[t].log_probs.has_value(), expected.tokens[t].log_probs.has_value());
      if (!record.tokens[t].log_probs) continue;
      ASSERT_EQ(record.tokens[t].log_probs->chosen, expected.tokens[t].log_probs->chosen);
    }
    if (!record.end->ok()) return;
    ASSERT_EQ(record.tokens.size(), expected.tokens.size());
    ASSERT_EQ(record.text, expected.text);
    ASSERT_EQ(record.finish->reason, expected.finish->reason);
  }

  // Submits everything from several threads; `meanwhile` runs beside them.
  template <typename Meanwhile>
  void Run(Worker& worker, Meanwhile meanwhile) {
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([this, t, &worker] { SubmitMany(t, worker); });
    }
    meanwhile();
    for (std::thread& thread : threads) thread.join();
    worker.Drain(absl::InfiniteFuture());

    const WorkerStats stats = worker.stats();
    EXPECT_EQ(stats.free_blocks, kBlocks);
    EXPECT_EQ(stats.queued, 0U);
    EXPECT_EQ(stats.running, 0U);
    EXPECT_EQ(admission_.held(), 0U);
    for (std::size_t i = 0; i < subjects_.size(); ++i) {
      Check(subjects_[i]);
      if (HasFatalFailure()) FAIL() << "request " << i << ": " << *subjects_[i].sink.record().end;
    }
  }

  std::size_t CountEnds(absl::StatusCode code) const {
    std::size_t count = 0;
    for (const Subject& subject : subjects_) count += subject.sink.record().end->code() == code;
    return count;
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
  const std::vector<Template> templates_ = MakeTemplates(tokenizer_);
  std::atomic<std::size_t> submitted_ = 0;
  Admission admission_{kMaxQueued + kMaxRunning};
  std::vector<Subject> subjects_{kThreads * kRequestsPerThread};
  const testing::TinyEngineOptions options_ = {
      .blocks = kBlocks,
      .worker = {.max_running = kMaxRunning, .max_queued = kMaxQueued, .step_tokens = 24}};
};

TEST_F(StressTest, NoSinkIsLostAndAllIsGivenBack) {
  const auto worker = testing::MakeTinyWorker(tokenizer_, options_);
  Run(*worker, [] {});
  // Every fate was met, or this tests less than it says.
  EXPECT_GT(CountEnds(absl::StatusCode::kOk), 1000U);
  EXPECT_GT(CountEnds(absl::StatusCode::kInvalidArgument), 100U);
  EXPECT_GT(CountEnds(absl::StatusCode::kCancelled), 100U);
  EXPECT_GT(CountEnds(absl::StatusCode::kDeadlineExceeded), 0U);
  EXPECT_EQ(CountEnds(absl::StatusCode::kInternal), 0U);
}

TEST_F(StressTest, NoSinkIsLostWhenItDrainsInTheMiddle) {
  const auto worker = testing::MakeTinyWorker(tokenizer_, options_);
  Run(*worker, [&] {
    while (submitted_ < subjects_.size() / 2) std::this_thread::yield();
    worker->Drain(MonotonicNow() + absl::Microseconds(500));
  });
  EXPECT_GT(CountEnds(absl::StatusCode::kUnavailable), 0U);
}

}  // namespace
}  // namespace cascade::server
