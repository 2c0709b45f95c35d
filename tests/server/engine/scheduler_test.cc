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
  return out << "{" << chunk.sequence << ", " << chunk.tokens << ", " << chunk.wants_logits << "}";
}

namespace {

using ::testing::ElementsAre;

std::vector<SequenceState> PromptsLeft(const std::vector<std::size_t>& prompts_left) {
  std::vector<SequenceState> states;
  for (const std::size_t left : prompts_left) states.push_back({left});
  return states;
}

TEST(SchedulerTest, DecodersComeFirstAndPromptsGetWhatIsLeft) {
  Scheduler scheduler(4, 10);
  EXPECT_THAT(scheduler.Plan(PromptsLeft({5, 0, 20, 0})),
              ElementsAre(PlannedChunk{1, 1, true}, PlannedChunk{3, 1, true},
                          PlannedChunk{0, 5, true}, PlannedChunk{2, 3, false}));
}

TEST(SchedulerTest, ALaterPromptWaitsForTheEarlierOnes) {
  Scheduler scheduler(3, 8);
  EXPECT_THAT(scheduler.Plan(PromptsLeft({30, 1, 1})), ElementsAre(PlannedChunk{0, 8, false}));
}

TEST(SchedulerTest, APromptThatJustFitsYieldsItsToken) {
  Scheduler scheduler(2, 8);
  EXPECT_THAT(scheduler.Plan(PromptsLeft({8, 1})), ElementsAre(PlannedChunk{0, 8, true}));
}

TEST(SchedulerTest, DecodersAloneMayFillTheStep) {
  Scheduler scheduler(2, 2);
  EXPECT_THAT(scheduler.Plan(PromptsLeft({0, 0})),
              ElementsAre(PlannedChunk{0, 1, true}, PlannedChunk{1, 1, true}));
}

TEST(SchedulerTest, NothingRunningIsAnEmptyPlan) {
  Scheduler scheduler(2, 2);
  EXPECT_TRUE(scheduler.Plan({}).empty());
}

// Everything the header says of a plan.
void CheckPlan(std::span<const SequenceState> running, std::size_t step_tokens,
               std::span<const PlannedChunk> plan) {
  std::vector<std::size_t> given(running.size(), 0);
  std::size_t rows = 0;
  bool prompts_began = false;
  for (const PlannedChunk& chunk : plan) {
    ASSERT_LT(chunk.sequence, running.size());
    ASSERT_GE(chunk.tokens, 1U);
    ASSERT_EQ(given[chunk.sequence], 0U) << "sequence " << chunk.sequence << " comes twice";
    given[chunk.sequence] = chunk.tokens;
    rows += chunk.tokens;
    const std::size_t left = running[chunk.sequence].prompt_left;
    prompts_began |= left > 0;
    ASSERT_EQ(left > 0, prompts_began) << "a decode row after a prompt";
    ASSERT_LE(chunk.tokens, std::max<std::size_t>(left, 1));
    ASSERT_EQ(chunk.wants_logits, left == 0 || chunk.tokens == left);
  }
  ASSERT_LE(rows, step_tokens);
  bool budget_ended = false;
  for (std::size_t i = 0; i < running.size(); ++i) {
    if (running[i].prompt_left == 0) {
      ASSERT_EQ(given[i], 1U) << "decoder " << i << " has no row";
      continue;
    }
    if (budget_ended) {
      ASSERT_EQ(given[i], 0U) << "prompt " << i << " overtook";
    }
    budget_ended |= given[i] < running[i].prompt_left;
  }
  ASSERT_TRUE(!budget_ended || rows == step_tokens) << "rows were left over";
}

TEST(SchedulerTest, EveryPlanKeepsThePromises) {
  std::mt19937 rng(7);
  for (int round = 0; round < 20000; ++round) {
    const std::size_t max_running = 1 + rng() % 12;
    const std::size_t step_tokens = max_running + rng() % 40;
    std::vector<SequenceState> running(rng() % (max_running + 1));
    for (SequenceState& state : running) state.prompt_left = rng() % 3 == 0 ? 0 : rng() % 60;
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
    for (SequenceState& state : running) tokens += state.prompt_left = 1 + rng() % 100;
    // Decoders take at most max_running - 1 rows from the prompts, as long as there are prompts.
    const std::size_t least_rows = step_tokens - max_running + 1;
    const std::size_t most_steps = (tokens + least_rows - 1) / least_rows;
    std::size_t steps = 0;
    while (std::any_of(running.begin(), running.end(), [](auto& s) { return s.prompt_left > 0; })) {
      for (const PlannedChunk& chunk : scheduler.Plan(running)) {
        std::size_t& left = running[chunk.sequence].prompt_left;
        left -= std::min(left, chunk.tokens);
      }
      ASSERT_LE(++steps, most_steps);
    }
  }
}

}  // namespace
}  // namespace cascade::server
