// SPDX-License-Identifier: Apache-2.0
// The promise, through the engine: a request gives the same tokens, the same log-probabilities and
// the same text, to the last bit, alone and in any company, in any order of arrival, for every
// number of rows a step, with any number of threads, on every SIMD target.
#include <algorithm>
#include <cctype>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "model/generation/vocabulary_trie.h"
#include "model/kernels/simd_target.h"
#include "model/tokenizer/tokenizer.h"
#include "tests/determinism/engine_run.h"
#include "tests/determinism/requests.h"
#include "tests/determinism/test_model.h"
#include "tests/support/source_path.h"

namespace cascade::testing {
namespace {

const std::string kRoot = testing::SourcePath("");
constexpr std::size_t kRequests = CASCADE_DETERMINISM_REQUESTS;  // 64, fewer under a sanitizer
constexpr RequestMix kMany{.count = kRequests,
                           .longest_prompt = 400,
                           .prompts_alone = true,
                           .processors = true,
                           .beams = true,
                           .reports = true};
constexpr RequestMix kSome{.count = kRequests / 4,
                           .longest_prompt = 90,
                           .most_new_tokens = 16,
                           .prompts_alone = true,
                           .processors = true,
                           .beams = true,
                           .reports = true};

// A test's answers must be those of the library alone, on the best target.
class DeterminismTest : public ::testing::Test {
 protected:
  ~DeterminismTest() override { EXPECT_TRUE(model::kernels::SetSimdTarget("auto").ok()); }

  void Use(const TestModel& model, const StorageTypes& types, const RequestMix& mix) {
    model_ = model;
    types_ = types;
    trie_.emplace(model::MakeTokenTrie(tokenizer_, model.config.vocab_size));
    RequestMix all = mix;
    if (mix.processors) all.trie = &*trie_;
    requests_ = MixedRequests(all, model.config);
    alone_ = *Alone(subject(), requests_);
  }

  void ExpectTheSameAlone() const { ExpectSame(Alone(subject(), requests_)); }

  void ExpectTheSame(const Schedule& schedule) const {
    SCOPED_TRACE(Name(schedule));
    ExpectSame(Together(subject(), requests_, schedule));
  }

  const TestModel bundled_ = *BundledModel(kRoot);
  const TestModel narrow_ = NarrowModel(bundled_);

 private:
  Subject subject() const { return {.model = model_, .types = types_, .tokenizer = tokenizer_}; }

  void ExpectSame(const absl::StatusOr<std::vector<Answer>>& answers) const {
    ASSERT_TRUE(answers.ok()) << answers.status();
    ASSERT_EQ(answers->size(), alone_.size());
    for (std::size_t i = 0; i < alone_.size(); ++i) {
      ASSERT_EQ((*answers)[i], alone_[i]) << "request " << i;
    }
  }

  const model::Tokenizer tokenizer_ = *LoadBundledTokenizer(kRoot);
  std::optional<model::TokenTrie> trie_;
  TestModel model_;
  StorageTypes types_;
  std::vector<TestRequest> requests_;
  std::vector<Answer> alone_;
};

// Plain C++, the last of the targets, takes too long for the bundled model: there it has the narrow
// one, and the digests' short requests.
std::vector<std::string> FastTargets() {
  std::vector<std::string> targets = model::kernels::SupportedSimdTargets();
  targets.pop_back();
  return targets;
}

TEST_F(DeterminismTest, ManyRequestsAloneAllAtOnceAndShuffledOnOneThreadAndFour) {
  Use(bundled_, {}, kMany);
  for (const std::string& target : FastTargets()) {
    SCOPED_TRACE(target);
    ASSERT_TRUE(model::kernels::SetSimdTarget(target).ok());
    ExpectTheSame({.threads = 1});
    ExpectTheSame({.threads = 4, .shuffled = 1});
  }
}

TEST_F(DeterminismTest, ManyRequestsOfANarrowModelOnEveryTarget) {
  Use(narrow_, {}, kMany);
  for (const std::string& target : model::kernels::SupportedSimdTargets()) {
    SCOPED_TRACE(target);
    ASSERT_TRUE(model::kernels::SetSimdTarget(target).ok());
    ExpectTheSameAlone();
    ExpectTheSame({.threads = 1});
    ExpectTheSame({.threads = 4, .shuffled = 2});
  }
}

TEST_F(DeterminismTest, WhateverTheRowsOfAStep) {
  Use(bundled_, {}, {.count = 16, .longest_prompt = 120});
  for (const std::size_t step_tokens : {1U, 2U, 7U, 16U, 33U, 512U}) {
    ExpectTheSame({.threads = 2, .step_tokens = step_tokens, .shuffled = 3});
  }
}

TEST_F(DeterminismTest, WhenRequestsWaitForRoomInTheCache) {
  Use(bundled_, {}, kSome);
  for (const std::size_t blocks : {10U, 23U, 60U}) {
    ExpectTheSame({.threads = 2, .shuffled = 4, .cache_blocks = blocks});
  }
}

// One test for each way of storing the model's and the cache's numbers.
class DeterminismOfTypesTest : public DeterminismTest,
                               public ::testing::WithParamInterface<StorageTypes> {
 protected:
  void ExpectTheSameOn(const std::vector<std::string>& targets) const {
    for (const std::string& target : targets) {
      SCOPED_TRACE(target);
      ASSERT_TRUE(model::kernels::SetSimdTarget(target).ok());
      for (const std::size_t threads : {1U, 2U, 4U}) {
        ExpectTheSame({.threads = threads, .step_tokens = 64, .shuffled = 5});
      }
    }
  }
};

TEST_P(DeterminismOfTypesTest, BundledModelOnOneTwoAndFourThreads) {
  Use(bundled_, GetParam(), kSome);
  ExpectTheSameOn(FastTargets());
}

TEST_P(DeterminismOfTypesTest, NarrowModelOnOneTwoAndFourThreadsOnEveryTarget) {
  Use(narrow_, GetParam(), kSome);
  ExpectTheSameOn(model::kernels::SupportedSimdTargets());
}

std::string TestNameOf(const ::testing::TestParamInfo<StorageTypes>& types) {
  std::string name = Name(types.param);
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Every, DeterminismOfTypesTest, ::testing::ValuesIn(AllStorageTypes()),
                         TestNameOf);

}  // namespace
}  // namespace cascade::testing
