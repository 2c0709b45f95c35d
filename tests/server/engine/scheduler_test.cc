// SPDX-License-Identifier: Apache-2.0

#include "server/engine/scheduler.h"

#include <algorithm>
#include <cstddef>
#include <random>
#include <span>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::server {

std::ostream& operator<<(std::ostream& out, const PlannedChunk& chunk) {
  return out << "{" << chunk.sequence << ", " << chunk.tokens << ", " << chunk.draft << ", "
             << chunk.outputs.first << "+" << chunk.outputs.count << "}";
}

namespace {

using ::testing::ElementsAre;

std::vector<SequenceState> Pending(const std::vector<std::size_t>& pending) {
  std::vector<SequenceState> states;
  for (const std::size_t left : pending) states.push_back({.pending = left, .draft = 0});
  return states;
}

TEST(SchedulerTest, DecodersComeFirstAndPromptsGetWhatIsLeft) {
  Scheduler scheduler(4, 10);
  EXPECT_THAT(scheduler.Plan(Pending({5, 1, 20, 1})),
              ElementsAre(PlannedChunk{1, 1, 0, {0, 1}}, PlannedChunk{3, 1, 0, {0, 1}},
                          PlannedChunk{0, 5, 0, {4, 1}}, PlannedChunk{2, 3, 0, {}}));
}

TEST(SchedulerTest, ALaterPromptWaitsForTheEarlierOnes) {
  Scheduler scheduler(3, 8);
  EXPECT_THAT(scheduler.Plan(Pending({30, 2, 2})), ElementsAre(PlannedChunk{0, 8, 0, {}}));
}

TEST(SchedulerTest, APromptThatJustFitsYieldsItsToken) {
  Scheduler scheduler(2, 8);
  EXPECT_THAT(scheduler.Plan(Pending({8, 2})), ElementsAre(PlannedChunk{0, 8, 0, {7, 1}}));
}

TEST(SchedulerTest, DecodersAloneMayFillTheStep) {
  Scheduler scheduler(2, 2);
  EXPECT_THAT(scheduler.Plan(Pending({1, 1})),
              ElementsAre(PlannedChunk{0, 1, 0, {0, 1}}, PlannedChunk{1, 1, 0, {0, 1}}));
}

TEST(SchedulerTest, NothingRunningIsAnEmptyPlan) {
  Scheduler scheduler(2, 2);
  EXPECT_TRUE(scheduler.Plan({}).empty());
}

TEST(SchedulerTest, DraftsGetTheRowsThatAreNearlyFree) {
  Scheduler scheduler(4, 16);
  const std::vector<SequenceState> running = {
      {.pending = 1, .draft = 3}, {.pending = 1, .draft = 0}, {.pending = 1, .draft = 8}};
  EXPECT_THAT(scheduler.Plan(running),
              ElementsAre(PlannedChunk{0, 1, 3, {0, 4}}, PlannedChunk{1, 1, 0, {0, 1}},
                          PlannedChunk{2, 1, 2, {0, 3}}));
}

TEST(SchedulerTest, NobodyDraftsBesideAPrompt) {
  Scheduler scheduler(4, 16);
  const std::vector<SequenceState> running = {{.pending = 1, .draft = 3},
                                              {.pending = 5, .draft = 0}};
  EXPECT_THAT(scheduler.Plan(running),
              ElementsAre(PlannedChunk{0, 1, 0, {0, 1}}, PlannedChunk{1, 5, 0, {4, 1}}));
}

// Everything the header says of a plan.
void CheckPlan(std::span<const SequenceState> running, std::size_t step_tokens,
               std::span<const PlannedChunk> plan) {
  std::vector<std::size_t> given(running.size(), 0);
  std::size_t rows = 0;
  std::size_t drafted = 0;
  bool prompts_began = false;
  for (const PlannedChunk& chunk : plan) {
    ASSERT_LT(chunk.sequence, running.size());
    ASSERT_GE(chunk.tokens, 1U);
    ASSERT_EQ(given[chunk.sequence], 0U) << "sequence " << chunk.sequence << " comes twice";
    given[chunk.sequence] = chunk.tokens;
    rows += chunk.rows();
    const SequenceState& state = running[chunk.sequence];
    prompts_began |= state.pending > 1;
    ASSERT_EQ(state.pending > 1, prompts_began) << "a decode row after a prompt";
    ASSERT_LE(chunk.tokens, state.pending);
    const model::RowRange last{.first = chunk.tokens - 1, .count = 1 + chunk.draft};
    ASSERT_EQ(chunk.outputs, chunk.tokens == state.pending ? last : model::RowRange{});
    ASSERT_LE(chunk.draft, state.pending == 1 ? state.draft : 0);
    drafted += chunk.draft;
  }
  ASSERT_LE(rows, step_tokens);
  bool budget_ended = false;
  for (std::size_t i = 0; i < running.size(); ++i) {
    if (running[i].pending == 1) {
      ASSERT_EQ(given[i], 1U) << "decoder " << i << " has no row";
      continue;
    }
    if (budget_ended) {
      ASSERT_EQ(given[i], 0U) << "prompt " << i << " overtook";
    }
    budget_ended |= given[i] < running[i].pending;
  }
  ASSERT_TRUE(!budget_ended || rows == step_tokens) << "rows were left over";
  ASSERT_TRUE(drafted == 0 || (!prompts_began && rows <= Scheduler::kDraftRows));
}

TEST(SchedulerTest, EveryPlanKeepsThePromises) {
  std::mt19937 rng(7);
  for (int round = 0; round < 20000; ++round) {
    const std::size_t max_running = 1 + rng() % 12;
    const std::size_t step_tokens = max_running + rng() % 40;
    std::vector<SequenceState> running(rng() % (max_running + 1));
    const bool only_decoders = rng() % 3 == 0;
    for (SequenceState& state : running) {
      state.pending = only_decoders || rng() % 3 == 0 ? 1 : 1 + rng() % 60;
      state.draft = rng() % 9;
    }
    Scheduler scheduler(max_running, step_tokens);
    CheckPlan(running, step_tokens, scheduler.Plan(running));
    if (HasFatalFailure()) FAIL() << "in round " << round;
  }
}

TEST(SchedulerTest, EveryPromptEndsWithinTheStepsThatItsTokensTake) {
  std::mt19937 rng(8);
  for (int round = 0; round < 200; ++round) {
    const std::size_t max_running = 1 + rng() % 8;
    const std::size_t step_tokens = max_running + rng() % 20;
    Scheduler scheduler(max_running, step_tokens);
    std::vector<SequenceState> running(max_running);
    std::size_t tokens = 0;
    for (SequenceState& state : running) tokens += state.pending = 2 + rng() % 100;
    // Decoders take at most max_running - 1 rows from the prompts, as long as there are prompts.
    const std::size_t least_rows = step_tokens - max_running + 1;
    const std::size_t most_steps = (tokens + least_rows - 1) / least_rows;
    std::size_t steps = 0;
    while (std::any_of(running.begin(), running.end(), [](auto& s) { return s.pending > 1; })) {
      for (const PlannedChunk& chunk : scheduler.Plan(running)) {
        std::size_t& pending = running[chunk.sequence].pending;
        pending = std::max<std::size_t>(1, pending - chunk.tokens);  // run, or the next token
      }
      ASSERT_LE(++steps, most_steps);
    }
  }
}

}  // namespace
}  // namespace cascade::server
