// Millions of steps of a batch whose model costs nothing: after each of them every invariant holds.
// One thread, a clock of its own, and chance that is seeded: a failure repeats.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/engine/limits.h"
#include "server/engine/request_queue.h"
#include "server/engine/running_batch.h"
#include "server/engine/worker.h"
#include "tests/server/engine/fake_model.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/same_bits.h"
#include "tests/server/engine/tiny_engine.h"

namespace cascade::server {
namespace {

using testing::FakeConfig;
using testing::FakeModel;
using testing::RecordingSink;
using testing::SinkRecord;

constexpr std::size_t kSteps = CASCADE_STEPS;
constexpr std::size_t kStepsPerWorld = 2'500;
constexpr std::size_t kTemplates = 64;

struct Template {
  std::vector<model::TokenId> prompt;
  model::GenerationParams params;
  SinkRecord expected;
};

// A sink that compares what it hears with what it should, at once.
class ComparingSink final : public TokenSink {
 public:
  explicit ComparingSink(const Template& made_of) : made_of_(made_of) {}

  void OnStarted(std::size_t /*cached_tokens*/) override {
    good_ &= starts_ == 0 && !ended_;
    ++starts_;
  }
  void OnStep(std::size_t /*choice*/, model::DecodingStep step) override {
    const SinkRecord& expected = made_of_.expected;
    good_ &= !ended_ && !finish_;
    finish_ = std::move(step.finish);
    if (!step.token) return;
    good_ &= starts_ == 1 && tokens_ < expected.tokens.size();
    good_ = good_ && testing::HasBitsOf(*step.token, expected.tokens[tokens_]);
    ++tokens_;
  }
  void OnFinished(const Timings& /*timings*/) override {
    good_ &= finish_.has_value();
    if (good_ && finish_->reason != model::FinishReason::kTimeLimit) {
      good_ = tokens_ == made_of_.expected.tokens.size() &&
              finish_->reason == made_of_.expected.finish->reason;
    }
    End(absl::OkStatus());
  }
  void OnFailed(absl::Status status) override { End(std::move(status)); }
  bool IsCancelled() const override { return cancelled_; }
  bool IsStalled() const override { return stalled_; }

  void Cancel() { cancelled_ = true; }
  void SetStalled(bool stalled) { stalled_ = stalled; }

  bool good() const { return good_; }
  bool started() const { return starts_ > 0; }
  bool ended() const { return ended_; }
  std::size_t tokens() const { return tokens_; }
  const absl::Status& status() const { return status_; }
  const std::optional<model::Finish>& finish() const { return finish_; }

 private:
  void End(absl::Status status) {
    good_ &= !ended_;
    ended_ = true;
    status_ = std::move(status);
  }

  const Template& made_of_;
  bool good_ = true;
  bool cancelled_ = false;
  bool stalled_ = false;
  bool ended_ = false;
  std::size_t starts_ = 0;
  std::size_t tokens_ = 0;
  std::optional<model::Finish> finish_;
  absl::Status status_;
};

// A request that was submitted.
struct Subject {
  Subject(const Template& made_of, std::uint64_t number, int at_priority)
      : sink(made_of), arrival(number), priority(at_priority) {}

  ComparingSink sink;
  std::uint64_t arrival;
  int priority;
  bool was_started = false;
  std::size_t tokens_before = 0;  // this step
};

struct Fates {
  std::size_t finished = 0;
  std::size_t cancelled = 0;
  std::size_t late = 0;          // a deadline
  std::size_t time_limit = 0;    // finished with what there was
  std::size_t too_slow = 0;      // stalled for too long
  std::size_t strict_steps = 0;  // in which every decoder had to get a token
  Counts counts;
};

struct WorldOptions {
  std::size_t blocks = 8;
  std::size_t max_running = 4;
  std::size_t step_tokens = 16;
  RunningBatch::Options batch = {};
  absl::Duration ageing = absl::InfiniteDuration();
  unsigned stalls = 0;     // of 64 chances
  unsigned cancels = 1;    // likewise
  unsigned deadlines = 1;  // of 16 requests
};

WorldOptions AnyWorld(std::mt19937& rng) {
  WorldOptions world;
  world.blocks = 4 + rng() % (rng() % 2 == 0 ? 6 : 40);
  world.max_running = 1 + rng() % 10;
  world.step_tokens = world.max_running + rng() % (rng() % 2 == 0 ? 4 : 100);
  world.batch = {.prefix_cache = rng() % 4 > 0,
                 .kv_overcommit = rng() % 2 == 0,
                 .speculate = rng() % 3 > 0,
                 .stalled_reader_limit = absl::Milliseconds(50)};
  if (rng() % 2 == 0) world.ageing = absl::Milliseconds(1 + rng() % 100);
  world.stalls = rng() % 2 == 0 ? 0 : 1 + rng() % 16;
  world.cancels = rng() % 3 == 0 ? 0 : 1 + rng() % 8;
  world.deadlines = rng() % 3 == 0 ? 0 : 1;
  return world;
}

// What the worker does in a turn, with checks between everything.
class World {
 public:
  World(const WorldOptions& options, const std::vector<Template>& templates,
        const model::Tokenizer& tokenizer, unsigned seed)
      : options_(options),
        templates_(templates),
        rng_(seed),
        queue_({.max_requests = 40, .max_tokens = 1500, .ageing = options.ageing}) {
    auto model = std::make_unique<FakeModel>(options.blocks, options.step_tokens);
    model_ = model.get();
    batch_ = std::make_unique<RunningBatch>(
        std::move(model), *model::KvCache::Create(FakeConfig(), options.blocks), tokenizer,
        Scheduler(options.max_running, options.step_tokens), options.batch, clock_);
  }

  void Run(std::size_t steps, Fates& fates) {
    while (batch_->counts().steps < steps && !::testing::Test::HasFatalFailure()) {
      for (auto submissions = rng_() % 3; submissions > 0; --submissions) Submit();
      Interfere();
      Turn(fates);
    }
    WindDown(fates);
    AddCounts(fates);
  }

 private:
  void Submit() {
    const int priority = static_cast<int>(rng_() % 3);
    const Template& made_of = templates_[rng_() % templates_.size()];
    auto subject = std::make_unique<Subject>(made_of, arrivals_++, priority);
    QueuedRequest queued = {.request = {}, .submitted = now_};
    GenerationRequest& request = queued.request;
    request.prompt = made_of.prompt;
    request.params = made_of.params;
    request.priority = priority;
    request.use_prefix_cache = rng_() % 8 > 0;
    request.speculate = rng_() % 8 > 0;
    if (rng_() % 4 == 0) request.cache_salt = "salt";
    if (rng_() % 16 < options_.deadlines) request.deadline = now_ + AnyTime();
    if (rng_() % 16 < options_.deadlines) request.finish_by = now_ + AnyTime();
    request.sink = &subject->sink;
    if (CheckRunnable(request, {.n_ctx = FakeConfig().n_ctx,
                                .vocab_size = FakeConfig().vocab_size,
                                .total_blocks = options_.blocks})
            .ok() &&
        queue_.TryPush(queued).ok()) {
      subjects_.push_back(std::move(subject));
    }
  }

  absl::Duration AnyTime() { return absl::Milliseconds(rng_() % 60); }

  void Interfere() {
    if (subjects_.empty()) return;
    ComparingSink& somebody = subjects_[rng_() % subjects_.size()]->sink;
    if (rng_() % 64 < options_.cancels) somebody.Cancel();
    if (rng_() % 64 < options_.stalls) somebody.SetStalled(true);
    if (rng_() % 64 < 2 * options_.stalls)
      subjects_[rng_() % subjects_.size()]->sink.SetStalled(false);
  }

  void Turn(Fates& fates) {
    now_ += absl::Milliseconds(1);
    queue_.Receive(RequestQueue::Wait::kNo);
    EndWhatMustEnd();
    ASSERT_EQ(batch_->CheckInvariants(), absl::OkStatus());
    ASSERT_NO_FATAL_FAILURE(CheckThatTheCancelledAreGone(fates));
    batch_->SelectReady();
    ASSERT_NO_FATAL_FAILURE(StartWhatFits());
    ASSERT_EQ(batch_->CheckInvariants(), absl::OkStatus());
    ASSERT_TRUE(batch_->CanStep() || batch_->CountStalled() == batch_->size())
        << "somebody reads, and nobody runs";
    if (batch_->CanStep()) Step(fates);
    DeliverCompletions();
    ASSERT_EQ(batch_->CheckInvariants(), absl::OkStatus());
    ASSERT_FALSE(model_->is_broken()) << "a sequence has read what it did not write";
    ASSERT_NO_FATAL_FAILURE(CheckAndForgetTheEnded(fates));
  }

  absl::Status ReasonToEnd(const GenerationRequest& request) const {
    if (request.sink->IsCancelled()) return absl::CancelledError();
    return now_ >= request.deadline ? absl::DeadlineExceededError("") : absl::OkStatus();
  }

  void EndWhatMustEnd() {
    batch_->Reap([this](const GenerationRequest& request) { return ReasonToEnd(request); }, now_);
    queue_.RemoveIf([this](const QueuedRequest& queued) {
      absl::Status why = ReasonToEnd(queued.request);
      if (why.ok()) return false;
      completions_.push_back({.sink = queued.request.sink, .status = std::move(why)});
      return true;
    });
    DeliverCompletions();
  }

  // Who was cancelled has ended before another step; CheckInvariants saw that no block is missing.
  void CheckThatTheCancelledAreGone(Fates& fates) {
    for (const auto& subject : subjects_) {
      if (!subject->sink.IsCancelled()) continue;
      ASSERT_TRUE(subject->sink.ended());
      fates.cancelled += absl::IsCancelled(subject->sink.status()) && subject->sink.started();
    }
    std::erase_if(subjects_, [](const auto& subject) {
      return subject->sink.IsCancelled() && subject->sink.good();
    });
  }

  void StartWhatFits() {
    while (QueuedRequest* const next = queue_.Next(now_)) {
      if (!batch_->TryStart(*next)) break;
      queue_.Pop();
      ASSERT_TRUE(options_.stalls > 0 || batch_->CountPreempted() == 0)
          << "a newcomer was preferred to one that has waited for its blocks";
      ASSERT_NO_FATAL_FAILURE(CheckOrderOfStarts());
    }
  }

  // Of equal priorities, who came first starts first.
  void CheckOrderOfStarts() {
    for (const auto& subject : subjects_) {
      if (!subject->sink.started() || std::exchange(subject->was_started, true)) continue;
      const auto last = last_started_.find(subject->priority);
      ASSERT_TRUE(last == last_started_.end() || last->second < subject->arrival);
      last_started_[subject->priority] = subject->arrival;
    }
  }

  void Step(Fates& fates) {
    // Where nobody stalls or is preempted, everyone who has a token must get another one.
    const bool strict = options_.stalls == 0 && !options_.batch.kv_overcommit;
    for (const auto& subject : subjects_) {
      subject->tokens_before = subject->sink.ended() ? 0 : subject->sink.tokens();
    }
    const std::size_t rows = batch_->Step();
    DeliverCompletions();
    ASSERT_GT(rows, 0U);
    ASSERT_LE(rows, options_.step_tokens);
    fates.strict_steps += strict ? 1U : 0U;
    for (const auto& subject : subjects_) {
      ASSERT_TRUE(!strict || subject->tokens_before == 0 ||
                  subject->sink.tokens() > subject->tokens_before)
          << "a decoder had to wait";
    }
  }

  void CheckAndForgetTheEnded(Fates& fates) {
    for (const auto& subject : subjects_) {
      const ComparingSink& sink = subject->sink;
      ASSERT_TRUE(sink.good()) << "request " << subject->arrival;
      if (!sink.ended()) continue;
      if (sink.status().ok()) {
        const bool in_time = sink.finish()->reason != model::FinishReason::kTimeLimit;
        ++(in_time ? fates.finished : fates.time_limit);
      } else if (absl::IsAborted(sink.status())) {
        ++fates.too_slow;
      } else {
        ASSERT_TRUE(absl::IsDeadlineExceeded(sink.status())) << sink.status();
        ++fates.late;
      }
    }
    std::erase_if(subjects_, [](const auto& subject) { return subject->sink.ended(); });
  }

  // Everything ends: with all readers reading, in as many steps as there are tokens at most.
  void WindDown(Fates& fates) {
    for (const auto& subject : subjects_) subject->sink.SetStalled(false);
    std::size_t turns = 0;
    while (!subjects_.empty() && !::testing::Test::HasFatalFailure()) {
      Turn(fates);
      ASSERT_LE(++turns, 10'000U);
    }
    ASSERT_EQ(batch_->size(), 0U);
    ASSERT_EQ(batch_->blocks().free_blocks(), options_.blocks);
  }

  void DeliverCompletions() {
    batch_->TakeCompletions(completions_);
    for (Completion& completion : completions_) Deliver(std::move(completion));
    completions_.clear();
  }

  void AddCounts(Fates& fates) const {
    const Counts& counts = batch_->counts();
    fates.counts.steps += counts.steps;
    fates.counts.cached_tokens += counts.cached_tokens;
    fates.counts.recomputed_tokens += counts.recomputed_tokens;
    fates.counts.accepted_tokens += counts.accepted_tokens;
    fates.counts.preemptions += counts.preemptions;
  }

  const WorldOptions options_;
  const std::vector<Template>& templates_;
  std::mt19937 rng_;
  absl::Time now_ = absl::UnixEpoch();
  const std::function<absl::Time()> clock_ = [this] { return now_; };
  RequestQueue queue_;
  FakeModel* model_ = nullptr;  // the batch's
  std::unique_ptr<RunningBatch> batch_;
  std::vector<Completion> completions_;
  std::vector<std::unique_ptr<Subject>> subjects_;  // those that have not ended
  std::map<int, std::uint64_t> last_started_;       // arrivals, by priority
  std::uint64_t arrivals_ = 0;
};

std::vector<Template> MakeTemplates(const model::Tokenizer& tokenizer, std::mt19937& rng) {
  std::vector<Template> templates;
  for (std::size_t i = 0; i < kTemplates; ++i) {
    Template made;
    const std::size_t size = 1 + rng() % 60;
    if (i > 0 && rng() % 3 == 0) {  // goes on where another ended
      const Template& turn = templates[rng() % i];
      made.prompt = turn.prompt;
      for (const auto& token : turn.expected.tokens) made.prompt.push_back(token.id);
    }
    const bool common = rng() % 2 == 0;
    while (made.prompt.size() < size) {
      const std::size_t token = common ? made.prompt.size() % 7 : rng() % FakeConfig().vocab_size;
      made.prompt.push_back(static_cast<model::TokenId>(token));
    }
    made.prompt.resize(std::min<std::size_t>(made.prompt.size(), FakeConfig().n_ctx - 1));
    made.params.sampling.temperature = rng() % 4 == 0 ? 0.8F : 0.0F;
    made.params.sampling.seed = rng();
    made.params.stopping.max_new_tokens = 1 + rng() % 60;
    if (rng() % 8 == 0) made.params.stopping.eos_token_ids = {static_cast<model::TokenId>(9)};
    if (rng() % 8 == 0) made.params.output = {.logprobs = true, .candidates = 2};
    made.expected = testing::RunFakeAlone(made.prompt, made.params, tokenizer);
    templates.push_back(std::move(made));
  }
  return templates;
}

class StepsTest : public ::testing::Test {
 protected:
  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
};

TEST_F(StepsTest, EveryInvariantHoldsAfterEachOfAMillion) {
  std::mt19937 rng(1);
  const std::vector<Template> templates = MakeTemplates(tokenizer_, rng);
  Fates fates;
  for (unsigned seed = 0; fates.counts.steps < kSteps; ++seed) {
    SCOPED_TRACE(absl::StrCat("world ", seed));
    World(AnyWorld(rng), templates, tokenizer_, seed).Run(kStepsPerWorld, fates);
    if (HasFatalFailure()) return;
  }
  // Every fate was met, or this tests less than it says.
  EXPECT_GT(fates.finished, kSteps / 50);
  EXPECT_GT(fates.cancelled, kSteps / 1000);
  EXPECT_GT(fates.late, kSteps / 1000);
  EXPECT_GT(fates.time_limit, kSteps / 1000);
  EXPECT_GT(fates.too_slow, kSteps / 1000);
  EXPECT_GT(fates.strict_steps, kSteps / 20);
  EXPECT_GT(fates.counts.preemptions, kSteps / 100);
  EXPECT_GT(fates.counts.recomputed_tokens, kSteps / 100);
  EXPECT_GT(fates.counts.cached_tokens, kSteps / 10);
  EXPECT_GT(fates.counts.accepted_tokens, kSteps / 10);
}

TEST_F(StepsTest, TenThousandCancelsAtAnyPointGiveTheirBlocksBackBeforeTheNextStep) {
  std::mt19937 rng(2);
  const std::vector<Template> templates = MakeTemplates(tokenizer_, rng);
  Fates fates;
  for (unsigned seed = 0; fates.cancelled < 10'000; ++seed) {
    WorldOptions world = AnyWorld(rng);
    world.cancels = 40;
    World(world, templates, tokenizer_, seed).Run(kStepsPerWorld, fates);
    if (HasFatalFailure()) return;
  }
}

// The same on the worker's own thread, with the cancel from another.
TEST_F(StepsTest, TenThousandCancelsFromAnotherThreadEndWithinTheStepThatRuns) {
  constexpr std::size_t kCancels = 10'000;
  constexpr std::size_t kBlocks = 4;
  const WorkerOptions options = {.max_running = 4, .step_tokens = 16};
  Worker worker(std::make_unique<FakeModel>(kBlocks, options.step_tokens),
                *model::KvCache::Create(FakeConfig(), kBlocks), tokenizer_, options);
  std::mt19937 rng(3);
  std::size_t in_the_middle = 0;
  for (std::size_t i = 0; i < kCancels; ++i) {
    RecordingSink sink;
    WorkerStats at_end;
    std::atomic<std::size_t> heard = 0;
    sink.on_step = [&heard](std::size_t count) {
      heard = count;
      std::this_thread::yield();  // to whoever cancels
    };
    sink.on_end = [&] { at_end = worker.stats(); };
    GenerationRequest request = testing::Request(1 + rng() % 30, 30, sink);
    for (model::TokenId& token : request.prompt) token %= 16;
    worker.Submit(std::move(request));
    const std::size_t tokens = rng() % 31;
    while (heard < tokens) std::this_thread::yield();
    sink.Cancel();
    const std::uint64_t steps = worker.stats().counts.steps;
    const SinkRecord record = sink.Await();
    ASSERT_EQ(record.ends, 1U);
    ASSERT_EQ(at_end.free_blocks, kBlocks);
    if (record.end->ok()) continue;  // it was faster
    ASSERT_EQ(record.end->code(), absl::StatusCode::kCancelled);
    ASSERT_LE(at_end.counts.steps, steps + 1);
    in_the_middle += record.tokens.empty() ? 0U : 1U;
  }
  EXPECT_GT(in_the_middle, kCancels / 100);
}

}  // namespace
}  // namespace cascade::server
