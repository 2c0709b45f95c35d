// SPDX-License-Identifier: Apache-2.0

#include "tests/server/engine/step_world.h"

#include <algorithm>
#include <utility>

#include "gtest/gtest.h"
#include "server/engine/generation_request.h"
#include "server/engine/limits.h"
#include "server/engine/scheduler.h"

namespace cascade::testing {
namespace {

constexpr std::size_t kTemplates = 64;

model::BeamParams AnyBeams(std::mt19937& rng) {
  model::BeamParams beams;
  beams.groups = 1 + rng() % 2;
  beams.width = beams.groups * (1 + rng() % 3);
  beams.returned = 1 + rng() % beams.width;
  beams.early_stopping = static_cast<model::BeamParams::EarlyStopping>(rng() % 3);
  beams.diversity_penalty = 0.5F;
  return beams;
}

}  // namespace

std::vector<Template> MakeTemplates(const model::Tokenizer& tokenizer,
                                    const TemplateOptions& options, std::mt19937& rng) {
  std::vector<Template> templates;
  for (std::size_t i = 0; i < kTemplates; ++i) {
    Template made;
    const std::size_t size = 1 + rng() % 60;
    if (i > 0 && rng() % 3 == 0) {  // goes on where another ended
      const Template& turn = templates[rng() % i];
      made.prompt = turn.prompt;
      for (const auto& token : turn.expected.front().tokens) made.prompt.push_back(token.id);
    }
    const bool common = rng() % 2 == 0;
    while (made.prompt.size() < size) {
      const std::size_t token = common ? made.prompt.size() % 7 : rng() % FakeConfig().vocab_size;
      made.prompt.push_back(static_cast<model::TokenId>(token));
    }
    made.prompt.resize(std::min<std::size_t>(made.prompt.size(), FakeConfig().n_ctx - 1));
    made.params.sampling.temperature = rng() % 4 < options.sampled ? 0.8F : 0.0F;
    made.params.sampling.seed = rng();
    made.params.stopping.max_new_tokens = 1 + rng() % 60;
    if (rng() % 8 < options.stops)
      made.params.stopping.eos_token_ids = {static_cast<model::TokenId>(9)};
    if (rng() % 8 == 0) made.params.output = {.logprobs = true, .candidates = 2};
    if (options.beams) {
      made.params.beams = AnyBeams(rng);
      // Fewer beams than there may be, at first.
      if (rng() % 2 == 0) made.params.tokens.allowed = {3, 9};
      made.expected = RunFakeBeamsAlone(made.prompt, made.params, tokenizer);
    }
    for (std::uint32_t choice = 0; !options.beams && choice < kChoiceNumbers; ++choice) {
      made.expected.push_back(RunFakeAlone(made.prompt, made.params, tokenizer, choice));
    }
    templates.push_back(std::move(made));
  }
  return templates;
}

StepWorld::StepWorld(const StepWorldOptions& options, const std::vector<Template>& templates,
                     const model::Tokenizer& tokenizer, unsigned seed)
    : options_(options),
      templates_(templates),
      rng_(seed),
      queue_({.max_requests = 40, .max_tokens = 1500, .ageing = options.ageing}) {
  auto model = std::make_unique<FakeModel>(options.step_tokens);
  model_ = model.get();
  batch_ = std::make_unique<server::RunningBatch>(
      std::move(model), *model::KvCache::Create(FakeConfig(), options.blocks), tokenizer,
      server::Scheduler(options.max_running, options.step_tokens), options.batch, clock_);
}

void StepWorld::Run(std::size_t steps, Fates& fates) {
  while (batch_->counts().steps < steps && !::testing::Test::HasFatalFailure()) {
    for (auto submissions = rng_() % 3; submissions > 0; --submissions) Submit();
    Interfere();
    Turn(fates);
  }
  WindDown(fates);
  AddCounts(fates);
}

void StepWorld::Submit() {
  const int priority = static_cast<int>(rng_() % 3);
  const Template& made_of = templates_[rng_() % templates_.size()];
  const bool beams = made_of.params.beams.has_value();
  const std::size_t choices = beams ? made_of.expected.size() : 1 + rng_() % options_.max_choices;
  const std::size_t first_choice = beams ? 0 : rng_() % (kChoiceNumbers - choices + 1);
  const std::vector<model::GeneratedToken>& answer = made_of.expected[first_choice].tokens;
  const bool resumes = !beams && choices == 1 && rng_() % 8 == 0;
  const std::size_t resumed = resumes ? rng_() % (answer.size() + 1) : 0;
  auto subject =
      std::make_unique<Subject>(made_of, first_choice, choices, resumed, arrivals_++, priority);
  server::QueuedRequest queued = {.request = {}, .submitted = now_};
  server::GenerationRequest& request = queued.request;
  request.prompt = made_of.prompt;
  for (std::size_t i = 0; i < resumed; ++i) request.prompt.push_back(answer[i].id);
  request.resumed = resumed;
  request.params = made_of.params;
  request.choices = beams ? made_of.params.beams->width : choices;
  request.params.sampling.seed += first_choice;
  request.priority = priority;
  request.use_prefix_cache = rng_() % 8 > 0;
  request.speculate = rng_() % 8 > 0;
  if (rng_() % 4 == 0) request.cache_salt = "salt";
  if (rng_() % 16 < options_.deadlines) request.deadline = now_ + AnyTime();
  // Beams that are cut short are not the beginnings of what they would have become.
  if (!beams && rng_() % 16 < options_.deadlines) request.finish_by = now_ + AnyTime();
  request.sink = &subject->sink;
  if (server::CheckRunnable(request, {.n_ctx = FakeConfig().n_ctx,
                                      .vocab_size = FakeConfig().vocab_size,
                                      .total_blocks = options_.blocks,
                                      .max_running = options_.max_running})
          .ok() &&
      queue_.TryPush(queued).ok()) {
    subjects_.push_back(std::move(subject));
  }
}

void StepWorld::Interfere() {
  if (subjects_.empty()) return;
  ComparingSink& somebody = subjects_[rng_() % subjects_.size()]->sink;
  if (rng_() % 64 < options_.cancels) somebody.Cancel();
  if (rng_() % 64 < options_.stalls) somebody.SetStalled(true);
  if (rng_() % 64 < 2 * options_.stalls)
    subjects_[rng_() % subjects_.size()]->sink.SetStalled(false);
}

void StepWorld::Turn(Fates& fates) {
  now_ += absl::Milliseconds(1);
  queue_.Receive(server::RequestQueue::Wait::kNo);
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

absl::Status StepWorld::ReasonToEnd(const server::GenerationRequest& request) const {
  if (request.sink->IsCancelled()) return absl::CancelledError();
  return now_ >= request.deadline ? absl::DeadlineExceededError("") : absl::OkStatus();
}

void StepWorld::EndWhatMustEnd() {
  batch_->Reap([this](const server::GenerationRequest& request) { return ReasonToEnd(request); },
               now_);
  queue_.RemoveIf([this](const server::QueuedRequest& queued) {
    absl::Status why = ReasonToEnd(queued.request);
    if (why.ok()) return false;
    completions_.push_back({.sink = queued.request.sink, .status = std::move(why)});
    return true;
  });
  DeliverCompletions();
}

// Who was cancelled has ended before another step; CheckInvariants saw that no block is missing.
void StepWorld::CheckThatTheCancelledAreGone(Fates& fates) {
  for (const auto& subject : subjects_) {
    if (!subject->sink.IsCancelled()) continue;
    ASSERT_TRUE(subject->sink.ended());
    fates.cancelled += absl::IsCancelled(subject->sink.status()) && subject->sink.started();
  }
  std::erase_if(subjects_, [](const auto& subject) {
    return subject->sink.IsCancelled() && subject->sink.good();
  });
}

void StepWorld::StartWhatFits() {
  while (server::QueuedRequest* const next = queue_.Next(now_)) {
    if (!batch_->TryStart(*next)) break;
    queue_.Pop();
    ASSERT_TRUE(options_.stalls > 0 || batch_->CountPreempted() == 0)
        << "a newcomer was preferred to one that has waited for its blocks";
    ASSERT_NO_FATAL_FAILURE(CheckOrderOfStarts());
  }
}

// Of equal priorities, who came first starts first.
void StepWorld::CheckOrderOfStarts() {
  for (const auto& subject : subjects_) {
    if (!subject->sink.started() || std::exchange(subject->was_started, true)) continue;
    const auto last = last_started_.find(subject->priority);
    ASSERT_TRUE(last == last_started_.end() || last->second < subject->arrival);
    last_started_[subject->priority] = subject->arrival;
  }
}

void StepWorld::Step(Fates& fates) {
  // Where nobody stalls or is preempted, everyone who has a token must get another one.
  const bool strict = options_.stalls == 0 && !options_.batch.kv_overcommit;
  for (const auto& subject : subjects_) {
    const ComparingSink& sink = subject->sink;
    subject->tokens_before.clear();
    for (std::size_t choice = 0; choice < sink.choices(); ++choice) {
      const bool decodes = strict && !sink.ended() && !sink.finish(choice);
      subject->tokens_before.push_back(decodes ? sink.tokens(choice) : 0);
    }
  }
  const std::size_t rows = batch_->Step();
  DeliverCompletions();
  ASSERT_GT(rows, 0U);
  ASSERT_LE(rows, options_.step_tokens);
  fates.strict_steps += strict ? 1U : 0U;
  for (const auto& subject : subjects_) {
    ASSERT_NO_FATAL_FAILURE(CheckThatDecodersGotOn(*subject));
  }
}

void StepWorld::CheckThatDecodersGotOn(const Subject& subject) const {
  for (std::size_t choice = 0; choice < subject.sink.choices(); ++choice) {
    const std::size_t before = subject.tokens_before[choice];
    ASSERT_TRUE(before == 0 || subject.sink.tokens(choice) > before) << "a decoder had to wait";
  }
}

void StepWorld::CheckAndForgetTheEnded(Fates& fates) {
  for (const auto& subject : subjects_) {
    const ComparingSink& sink = subject->sink;
    ASSERT_TRUE(sink.good()) << "request " << subject->arrival;
    if (!sink.ended()) continue;
    if (sink.status().ok()) {
      CountFinished(sink, fates);
    } else if (absl::IsAborted(sink.status())) {
      ++fates.too_slow;
    } else {
      ASSERT_TRUE(absl::IsDeadlineExceeded(sink.status())) << sink.status();
      ++fates.late;
    }
  }
  std::erase_if(subjects_, [](const auto& subject) { return subject->sink.ended(); });
}

void StepWorld::CountFinished(const ComparingSink& sink, Fates& fates) {
  if (sink.ran_out_of_time()) {
    ++fates.time_limit;
    return;
  }
  ++fates.finished;
  bool differ = false;
  for (std::size_t choice = 1; choice < sink.choices(); ++choice) {
    differ |= sink.tokens(choice) != sink.tokens(0);
  }
  fates.of_several_choices += sink.choices() > 1 ? 1U : 0U;
  fates.with_different_ends += differ ? 1U : 0U;
}

// Everything ends: with all readers reading, in as many steps as there are tokens at most.
void StepWorld::WindDown(Fates& fates) {
  for (const auto& subject : subjects_) subject->sink.SetStalled(false);
  std::size_t turns = 0;
  while (!subjects_.empty() && !::testing::Test::HasFatalFailure()) {
    Turn(fates);
    ASSERT_LE(++turns, 10'000U);
  }
  ASSERT_EQ(batch_->size(), 0U);
  ASSERT_TRUE(options_.stalls > 0 || options_.batch.kv_overcommit ||
              batch_->counts().preemptions == 0)
      << "a sequence lost its blocks, which it had for its whole length";
  ASSERT_EQ(batch_->blocks().free_blocks(), options_.blocks);
}

void StepWorld::DeliverCompletions() {
  batch_->TakeCompletions(completions_);
  for (server::Completion& completion : completions_) server::Deliver(std::move(completion));
  completions_.clear();
}

void StepWorld::AddCounts(Fates& fates) const {
  const server::Counts& counts = batch_->counts();
  fates.counts.steps += counts.steps;
  fates.counts.cached_tokens += counts.cached_tokens;
  fates.counts.recomputed_tokens += counts.recomputed_tokens;
  fates.counts.accepted_tokens += counts.accepted_tokens;
  fates.counts.preemptions += counts.preemptions;
}

}  // namespace cascade::testing
