// SPDX-License-Identifier: Apache-2.0
// Everything at once, and still the same bits: thousands of requests meet every fate and every
// setting of the engine, and each that comes to its own end has the tokens, log-probabilities and
// text that it has alone in the library. Chance is seeded; only the threads' timing is not.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "model/generation/beam_generator.h"
#include "model/generation/generator.h"
#include "model/generation/vocabulary_trie.h"
#include "server/engine/limits.h"
#include "server/engine/thread_pool.h"
#include "server/engine/worker.h"
#include "tests/server/engine/any_template.h"
#include "tests/server/engine/comparing_sink.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/same_bits.h"
#include "tests/server/engine/tiny_engine.h"
#include "tests/support/value_or_die.h"

namespace cascade::server {
namespace {

using testing::BeginWithBitsOf;
using testing::MakeTinyModel;
using testing::MakeTinyWorker;
using testing::RecordingSink;
using testing::SameResult;
using testing::SinkRecord;
using testing::Template;
using testing::TinyConfig;
using testing::TinyEngineOptions;
using testing::ValueOrDie;

constexpr std::size_t kWorlds = 24;
constexpr std::size_t kRequestsPerWorld = 100;
constexpr std::size_t kTemplates = 20;
constexpr std::size_t kChoiceNumbers = 4;  // that choices may have, from 0 on

// One request and what becomes of it.
struct Subject {
  RecordingSink sink;
  const Template* made_of = nullptr;
  std::size_t choices = 1;
  std::size_t first_choice = 0;
  std::size_t resumed = 0;  // tokens that it had from the start
  bool was_stalled = false;
  std::atomic<bool> over = false;
};

// How often each fate was met in all worlds together.
struct Fates {
  std::size_t finished = 0;
  std::size_t cancelled_early = 0;  // before the first token
  std::size_t cancelled_late = 0;
  std::size_t of_several_choices = 0;  // of those that finished
  std::size_t stalled = 0;             // at some point, and finished
  std::size_t resumed = 0;             // finished an answer that had been begun
  std::size_t resumed_whole = 0;       // of these, that had all tokens already
  std::size_t stopped_by_string = 0;
  std::size_t constraint_complete = 0;
  std::size_t of_prompts_alone = 0;  // finished, with nothing generated
  std::size_t of_beams = 0;          // finished
  Counts counts;
};

SinkRecord RecordOf(model::Generation made) {
  SinkRecord record;
  record.tokens = std::move(made.tokens);
  record.text = std::move(made.text);
  record.finish = std::move(made.finish);
  record.end = absl::OkStatus();
  return record;
}

// What a Generator of the same model makes of a prompt, for each number that a choice may have; or
// the answers that beams find.
std::vector<SinkRecord> RunAlone(const Template& asked, const TinyEngineOptions& world,
                                 const model::Tokenizer& tokenizer) {
  TinyEngineOptions options = {.precision = world.precision, .kv_type = world.kv_type};
  options.worker.step_tokens = TinyConfig().n_ctx;
  const std::unique_ptr<model::Gpt2> model = MakeTinyModel(options);
  model::KvCache cache = *model::KvCache::Create(TinyConfig(), 32, world.kv_type);
  model::Generator generator(*model, tokenizer, cache);
  const std::vector<model::GeneratedToken> prompt =
      testing::ScorePromptAlone(*model, cache, asked.prompt, asked.params.output);
  std::vector<SinkRecord> records(kChoiceNumbers);
  if (asked.params.stopping.max_new_tokens == 0) {
    for (SinkRecord& record : records) {
      record.prompt = prompt;
      record.end = absl::OkStatus();
      if (!asked.hidden_from) continue;
      record.hidden = testing::HiddenStatesAlone(*model, cache, asked.prompt, *asked.hidden_from);
    }
    return records;
  }
  records.clear();
  if (asked.params.beams) {
    for (model::Generation& made :
         ValueOrDie(model::GenerateBeams(*model, tokenizer, cache, asked.prompt, asked.params))) {
      records.push_back(RecordOf(std::move(made)));
    }
  }
  for (std::uint32_t choice = 0; !asked.params.beams && choice < kChoiceNumbers; ++choice) {
    model::GenerationParams params = asked.params;
    params.sampling.seed += choice;
    if (choice < asked.choice_sampling.size()) params.sampling = asked.choice_sampling[choice];
    records.push_back(
        RecordOf(*generator.Generate(asked.prompt, params, [](const model::DecodingStep&) {})));
  }
  for (SinkRecord& record : records) record.prompt = prompt;
  return records;
}

class EverythingTest : public ::testing::Test {
 protected:
  // Runs one world and adds what happened to fates_.
  void RunWorld(unsigned seed) {
    std::mt19937 rng(seed);
    const std::size_t threads[] = {1, 1, 1, 2, 3, 4};
    ThreadPool pool(threads[seed % 6], WaitStrategy::kSleep);
    TinyEngineOptions options = AnyOptions(rng);
    options.executor = &pool;
    SCOPED_TRACE(Describe(options, pool.threads()));
    const std::vector<Template> templates = MakeTemplates(options, rng);
    std::vector<Subject> subjects(kRequestsPerWorld);
    const auto worker = MakeTinyWorker(tokenizer_, options);
    for (std::size_t i = 0; i < subjects.size(); ++i) {
      Subject& subject = subjects[i];
      subject.made_of = &templates[rng() % templates.size()];
      const std::optional<model::BeamParams>& beams = subject.made_of->params.beams;
      subject.choices = 1;
      if (beams) subject.choices = beams->width;
      if (!beams && rng() % 2 == 0) subject.choices = AnyChoices(*subject.made_of, options, rng);
      subject.first_choice = beams ? 0 : rng() % (kChoiceNumbers - subject.choices + 1);
      worker->Submit(AnyRequest(subject, rng));
      Interfere(subjects[rng() % (i + 1)], *worker, rng);
    }
    ResumeUntilAllHaveEnded(subjects, *worker);
    worker->Drain(absl::InfiniteFuture());
    const WorkerStats stats = worker->stats();
    EXPECT_EQ(stats.free_blocks, options.blocks);
    EXPECT_EQ(stats.queued + stats.running + stats.stalled + stats.preempted, 0U);
    AddCounts(stats.counts);
    for (std::size_t i = 0; i < subjects.size(); ++i) {
      SCOPED_TRACE(absl::StrCat("request ", i));
      Check(subjects[i]);
    }
  }

  Fates fates_;

 private:
  // Whoever stalls, by its own script, goes on at once: it may have the only place, for which all
  // others wait.
  void ResumeUntilAllHaveEnded(std::vector<Subject>& subjects, Worker& worker) {
    while (true) {
      const unsigned seen = news_.load();
      bool all_have_ended = true;
      for (Subject& subject : subjects) {
        if (subject.over) continue;
        subject.sink.SetStalled(false);
        all_have_ended = false;
      }
      if (all_have_ended) break;
      worker.Wake();
      news_.wait(seen);
    }
    for (const Subject& subject : subjects) subject.sink.Await();  // who is over ends in a moment
  }

  // Somebody has stalled or ended.
  void Tell() {
    ++news_;
    news_.notify_one();
  }

  static TinyEngineOptions AnyOptions(std::mt19937& rng) {
    TinyEngineOptions options;
    const auto precisions = model::kernels::kPrecisions;
    options.precision = precisions[rng() % precisions.size()];
    options.kv_type = model::kernels::kKvTypes[rng() % model::kernels::kKvTypes.size()];
    options.blocks = 4 + rng() % (rng() % 2 == 0 ? 4 : 30);
    WorkerOptions& worker = options.worker;
    worker.max_running = 1 + rng() % 12;
    const std::size_t step_tokens[] = {1, 3, 17, 64, 512};
    worker.step_tokens = std::max(worker.max_running, step_tokens[rng() % 5]);
    if (rng() % 8 == 0) worker.max_running = worker.step_tokens = 1;
    worker.prefix_cache = rng() % 5 > 0;
    worker.kv_overcommit = rng() % 3 > 0;
    worker.speculate = rng() % 4 > 0;
    worker.priority_ageing = absl::Milliseconds(1);
    // Nobody is too late, however slow the machine is.
    worker.stalled_reader_limit = absl::Hours(24);
    return options;
  }

  static std::string Describe(const TinyEngineOptions& options, std::size_t threads) {
    const WorkerOptions& worker = options.worker;
    return absl::StrCat("precision ", Name(options.precision), ", KV type ",
                        static_cast<int>(options.kv_type), ", ", options.blocks, " blocks, ",
                        threads, " threads, at most ", worker.max_running, " running, steps of ",
                        worker.step_tokens, ", prefix cache ", worker.prefix_cache, ", overcommit ",
                        worker.kv_overcommit, ", speculate ", worker.speculate);
  }

  std::vector<Template> MakeTemplates(const TinyEngineOptions& world, std::mt19937& rng) const {
    std::vector<Template> templates;
    for (std::size_t i = 0; i < kTemplates; ++i) {
      Template made = testing::AnyTemplate(templates, trie_, rng);
      MakeRunnable(made, world);
      made.expected = RunAlone(made, world, tokenizer_);
      templates.push_back(std::move(made));
    }
    return templates;
  }

  static bool CanRun(const Template& asked, std::size_t choices, const TinyEngineOptions& world) {
    GenerationRequest request;
    request.prompt = asked.prompt;
    request.params = asked.params;
    request.hidden_from = asked.hidden_from;
    request.choices = choices;
    return CheckRunnable(request, {.n_ctx = TinyConfig().n_ctx,
                                   .vocab_size = TinyConfig().vocab_size,
                                   .total_blocks = world.blocks,
                                   .max_running = world.worker.max_running})
        .ok();
  }

  // With as many beams as can run.
  static void MakeRunnable(Template& made, const TinyEngineOptions& world) {
    std::optional<model::BeamParams>& beams = made.params.beams;
    while (beams && !CanRun(made, beams->width, world)) {
      *beams = {.width = beams->width - 1, .returned = 1};
    }
  }

  // As many choices as can run, at most 4.
  static std::size_t AnyChoices(const Template& asked, const TinyEngineOptions& world,
                                std::mt19937& rng) {
    std::size_t choices = 1 + rng() % kChoiceNumbers;
    while (!CanRun(asked, choices, world)) --choices;
    return choices;
  }

  // Gives the request some of the tokens that its answer begins with, or all of them.
  static void Resume(Subject& subject, GenerationRequest& request, std::mt19937& rng) {
    if (request.choices > 1 || request.params.beams || !Generates(request) ||
        request.params.output.prompt_logprobs_from) {
      return;
    }
    const std::vector<model::GeneratedToken>& answer =
        subject.made_of->expected[subject.first_choice].tokens;
    subject.resumed = rng() % (answer.size() + 1);
    for (std::size_t i = 0; i < subject.resumed; ++i) request.prompt.push_back(answer[i].id);
    request.resumed = subject.resumed;
  }

  // What there is to be heard of an answer that is resumed.
  SinkRecord RestOf(const Subject& subject) const {
    const Template& asked = *subject.made_of;
    SinkRecord rest = asked.expected[subject.first_choice];
    if (subject.resumed == 0) return rest;
    model::Decoding decoding(asked.params, 0, asked.prompt, TinyConfig().n_ctx, tokenizer_);
    std::size_t told = 0;  // bytes of text
    for (std::size_t i = 0; i < subject.resumed; ++i) {
      told += decoding.Take({.id = rest.tokens[i].id, .log_probs = {}}).text.size();
    }
    rest.text.erase(0, told);
    rest.tokens.erase(rest.tokens.begin(),
                      rest.tokens.begin() + static_cast<std::ptrdiff_t>(subject.resumed));
    return rest;
  }

  GenerationRequest AnyRequest(Subject& subject, std::mt19937& rng) {
    GenerationRequest request;
    request.prompt = subject.made_of->prompt;
    request.params = subject.made_of->params;
    request.hidden_from = subject.made_of->hidden_from;
    request.choices = subject.choices;
    request.params.sampling.seed += subject.first_choice;
    const std::vector<model::SamplingParams>& own = subject.made_of->choice_sampling;
    for (std::size_t i = 0; i < subject.choices && subject.first_choice + i < own.size(); ++i) {
      request.choice_sampling.push_back(own[subject.first_choice + i]);
    }
    if (rng() % 3 == 0) Resume(subject, request, rng);
    request.priority = static_cast<int>(rng() % 3);
    request.use_prefix_cache = rng() % 6 > 0;
    request.cache_salt = rng() % 4 == 0 ? "salt" : "";
    request.speculate = rng() % 5 > 0;
    request.sink = &subject.sink;
    const auto what = rng() % 8;
    const std::size_t at = 1 + rng() % 20;
    if (what == 0) {
      subject.sink.on_step = [&sink = subject.sink, at](std::size_t count) {
        if (count == at) sink.Cancel();
      };
    } else if (what < 3) {
      subject.was_stalled = true;
      subject.sink.on_step = [this, &sink = subject.sink, at](std::size_t count) {
        if (count % at != 0) return;
        sink.SetStalled(true);
        Tell();
      };
    }
    subject.sink.on_end = [this, &subject] {
      subject.over = true;
      Tell();
    };
    return request;
  }

  // Something happens to somebody, at whatever point it is.
  static void Interfere(Subject& somebody, Worker& worker, std::mt19937& rng) {
    const auto what = rng() % 12;
    if (what == 0) somebody.sink.Cancel();
    if (what == 1) somebody.sink.SetStalled(true);
    if (what == 1) somebody.was_stalled = true;
    if (what > 6) somebody.sink.SetStalled(false);
    worker.Wake();
  }

  void Check(const Subject& subject) {
    const SinkRecord record = subject.sink.record();
    ASSERT_EQ(record.ends, 1U);
    ASSERT_FALSE(record.called_after_end);
    const bool beams = subject.made_of->params.beams.has_value();
    const std::size_t answers = beams ? subject.made_of->expected.size() : subject.choices;
    for (std::size_t choice = 0; choice < answers; ++choice) {
      SCOPED_TRACE(absl::StrCat("choice ", choice));
      const SinkRecord& expected = subject.made_of->expected[subject.first_choice + choice];
      CheckChoice(subject.sink.record(choice), subject.resumed > 0 ? RestOf(subject) : expected);
    }
    if (record.end->ok()) {
      ++fates_.finished;
      fates_.of_several_choices += subject.choices > 1 ? 1U : 0U;
      fates_.of_beams += beams ? 1U : 0U;
      fates_.stalled += subject.was_stalled ? 1U : 0U;
      fates_.resumed += subject.resumed > 0 ? 1U : 0U;
      fates_.resumed_whole += subject.resumed > 0 && record.tokens.empty() ? 1U : 0U;
      fates_.of_prompts_alone += record.finish ? 0U : 1U;
      if (!record.finish) return;
      fates_.stopped_by_string += record.finish->reason == model::FinishReason::kStopString;
      fates_.constraint_complete +=
          record.finish->reason == model::FinishReason::kConstraintComplete ? 1U : 0U;
      return;
    }
    ASSERT_EQ(record.end->code(), absl::StatusCode::kCancelled) << *record.end;
    ++(record.tokens.empty() ? fates_.cancelled_early : fates_.cancelled_late);
  }

  static void CheckChoice(const SinkRecord& record, const SinkRecord& expected) {
    if (record.end->ok()) {
      ASSERT_TRUE(SameResult(record, expected));
    } else {
      ASSERT_TRUE(BeginWithBitsOf(record.tokens, expected.tokens));
    }
  }

  void AddCounts(const Counts& counts) {
    fates_.counts.preemptions += counts.preemptions;
    fates_.counts.recomputed_tokens += counts.recomputed_tokens;
    fates_.counts.cached_tokens += counts.cached_tokens;
    fates_.counts.drafted_tokens += counts.drafted_tokens;
    fates_.counts.accepted_tokens += counts.accepted_tokens;
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
  const model::TokenTrie trie_ = model::MakeTokenTrie(tokenizer_, TinyConfig().vocab_size);
  std::atomic<unsigned> news_ = 0;
};

TEST_F(EverythingTest, WhoeverSurvivesHasTheBitsThatItHasAlone) {
  for (unsigned seed = 0; seed < kWorlds; ++seed) {
    SCOPED_TRACE(absl::StrCat("world ", seed));
    RunWorld(seed);
    if (HasFailure()) return;
  }
  // Every fate was met, or this tests less than it says.
  EXPECT_GE(fates_.finished, 1500U);
  EXPECT_GT(fates_.of_several_choices, 200U);
  EXPECT_GT(fates_.of_prompts_alone, 100U);
  EXPECT_GT(fates_.of_beams, 200U);
  EXPECT_GT(fates_.cancelled_early, 20U);
  EXPECT_GT(fates_.cancelled_late, 20U);
  EXPECT_GT(fates_.stalled, 100U);
  EXPECT_GT(fates_.resumed, 100U);
  EXPECT_GT(fates_.resumed_whole, 3U);
  EXPECT_GT(fates_.stopped_by_string, 15U);
  EXPECT_GT(fates_.constraint_complete, 15U);
  EXPECT_GT(fates_.counts.preemptions, 100U);
  EXPECT_GT(fates_.counts.recomputed_tokens, 1000U);
  EXPECT_GT(fates_.counts.cached_tokens, 3000U);
  EXPECT_GT(fates_.counts.drafted_tokens, fates_.counts.accepted_tokens);
  EXPECT_GT(fates_.counts.accepted_tokens, 500U);
}

}  // namespace
}  // namespace cascade::server
