// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/bench/workload.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace cascade::cli::bench {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Lt;
using ::testing::Not;

constexpr std::uint32_t kVocabSize = 50;
constexpr std::uint32_t kEos = 49;

v1::GetModelResponse Model() {
  v1::GetModelResponse model;
  model.set_name("tiny");
  model.mutable_architecture()->set_vocab_size(kVocabSize);
  model.mutable_defaults()->add_eos_token_ids(kEos);
  model.mutable_limits()->set_max_prompt_tokens(511);
  model.mutable_limits()->set_max_total_tokens(512);
  return model;
}

Workload Made(const WorkloadOptions& options) {
  absl::StatusOr<Workload> workload = Workload::Create(options, Model(), "salt");
  EXPECT_TRUE(workload.ok()) << workload.status();
  return *std::move(workload);
}

std::string ErrorOf(const WorkloadOptions& options) {
  return std::string(Workload::Create(options, Model(), "").status().message());
}

std::vector<std::uint32_t> Prompt(const RequestPlan& plan) {
  const auto& ids = plan.request.token_ids().ids();
  return {ids.begin(), ids.end()};
}

TEST(WorkloadTest, ARequestIsAFunctionOfSeedAndIndex) {
  WorkloadOptions options;
  options.prompt_tokens = *LengthDistribution::Parse("uniform:10-100");
  const RequestPlan plan = Made(options).Plan(3);
  EXPECT_TRUE(MessageDifferencer::Equals(plan.request, Made(options).Plan(3).request));
  EXPECT_FALSE(MessageDifferencer::Equals(plan.request, Made(options).Plan(4).request));
  options.seed = 1;
  EXPECT_FALSE(MessageDifferencer::Equals(plan.request, Made(options).Plan(3).request));
}

TEST(WorkloadTest, RequestsCarryTheOptions) {
  WorkloadOptions options;
  options.prompt_tokens = LengthDistribution(20);
  options.output_tokens = LengthDistribution(9);
  options.ignore_eos = true;
  options.temperature = 0.5;
  options.speculation = false;
  options.bypass_cache = true;
  const v1::GenerateRequest request = Made(options).Plan(0).request;
  EXPECT_EQ(request.token_ids().ids_size(), 20);
  EXPECT_EQ(request.stopping().max_new_tokens(), 9U);
  EXPECT_TRUE(request.stopping().ignore_eos());
  EXPECT_EQ(request.sampling().temperature(), 0.5F);
  EXPECT_TRUE(request.sampling().has_seed());
  EXPECT_TRUE(request.has_speculation());
  EXPECT_FALSE(request.speculation());
  EXPECT_TRUE(request.cache().bypass());
  EXPECT_EQ(request.cache().salt(), "salt");
  EXPECT_TRUE(request.response().token_ids());
}

TEST(WorkloadTest, PromptsAreOfTheVocabularyAndEndNoText) {
  WorkloadOptions options;
  options.prompt_tokens = LengthDistribution(400);
  const std::vector<std::uint32_t> prompt = Prompt(Made(options).Plan(0));
  EXPECT_THAT(prompt, Each(Lt(kVocabSize)));
  EXPECT_THAT(prompt, Not(Contains(kEos)));
}

TEST(WorkloadTest, PromptsShareTheirPrefixAndNoMore) {
  WorkloadOptions options;
  options.prompt_tokens = LengthDistribution(60);
  options.shared_prefix_tokens = 40;
  const Workload workload = Made(options);
  const std::vector<std::uint32_t> one = Prompt(workload.Plan(1));
  const std::vector<std::uint32_t> other = Prompt(workload.Plan(2));
  EXPECT_TRUE(std::equal(one.begin(), one.begin() + 40, other.begin()));
  EXPECT_FALSE(std::equal(one.begin() + 40, one.end(), other.begin() + 40));
}

TEST(WorkloadTest, AShorterPromptIsAllPrefix) {
  WorkloadOptions options;
  options.prompt_tokens = *LengthDistribution::Parse("list:10,60");
  options.shared_prefix_tokens = 40;
  const Workload workload = Made(options);
  std::vector<std::uint32_t> shorter;
  std::vector<std::uint32_t> longer;
  for (std::uint64_t i = 0; shorter.empty() || longer.empty(); ++i) {
    const std::vector<std::uint32_t> prompt = Prompt(workload.Plan(i));
    (prompt.size() == 10 ? shorter : longer) = prompt;
  }
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
}

TEST(WorkloadTest, CancelsAndReadsSlowlyAsOftenAsAsked) {
  WorkloadOptions options;
  options.prompt_tokens = LengthDistribution(1);
  options.output_tokens = LengthDistribution(8);
  options.cancel_rate = 0.25;
  options.slow_readers = 0.5;
  options.read_delay = absl::Milliseconds(7);
  const Workload workload = Made(options);
  int cancelled = 0;
  int slow = 0;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    const RequestPlan plan = workload.Plan(i);
    if (plan.cancel_after) {
      ++cancelled;
      EXPECT_GE(*plan.cancel_after, 1U);
      EXPECT_LE(*plan.cancel_after, 8U);
    }
    if (plan.read_delay == absl::Milliseconds(7)) ++slow;
  }
  EXPECT_NEAR(cancelled, 1000, 120);
  EXPECT_NEAR(slow, 2000, 150);
}

TEST(WorkloadTest, NobodyCancelsOrReadsSlowlyUnasked) {
  const Workload workload = Made({});
  for (std::uint64_t i = 0; i < 100; ++i) {
    EXPECT_FALSE(workload.Plan(i).cancel_after.has_value());
    EXPECT_EQ(workload.Plan(i).read_delay, absl::ZeroDuration());
  }
}

TEST(WorkloadTest, RefusesSharesAndDelaysOutOfRange) {
  WorkloadOptions options;
  options.cancel_rate = 1.5;
  EXPECT_THAT(ErrorOf(options), HasSubstr("--cancel_rate"));
  options = {};
  options.slow_readers = -0.1;
  EXPECT_THAT(ErrorOf(options), HasSubstr("--slow_readers"));
  options = {};
  options.read_delay = absl::ZeroDuration();
  EXPECT_THAT(ErrorOf(options), HasSubstr("--read_delay"));
}

TEST(WorkloadTest, RefusesLengthsThatTheModelCannotHold) {
  WorkloadOptions options;
  options.prompt_tokens = LengthDistribution(500);
  options.output_tokens = LengthDistribution(12);
  EXPECT_EQ(ErrorOf(options), "");
  options.output_tokens = LengthDistribution(13);
  EXPECT_THAT(ErrorOf(options), HasSubstr("tiny takes prompts of 511 tokens, and 512 with"));
}

}  // namespace
}  // namespace cascade::cli::bench
