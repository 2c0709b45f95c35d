// SPDX-License-Identifier: Apache-2.0

#include "model/sampling/logit_processor.h"

#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using ::cascade::testing::IsInvalid;
using ::cascade::testing::IsOk;
using ::testing::ElementsAre;

constexpr float kExcluded = -std::numeric_limits<float>::infinity();

// Multiplies all logits and adds to them, for as many tokens as it is to be active.
class Affine final : public LogitProcessor {
 public:
  Affine(float factor, float term, int tokens) : factor_(factor), term_(term), left_(tokens) {}

  bool active() const override { return left_ > 0; }
  void Process(std::span<float> logits) override {
    for (float& logit : logits) logit = logit * factor_ + term_;
  }
  void Accept(TokenId /*token*/) override { --left_; }
  std::string Describe() const override { return absl::StrCat("adds ", term_); }

 private:
  float factor_;
  float term_;
  int left_;
};

// A bigram of the prompt and of what was accepted does not come again: the shape of a processor
// that looks back at all tokens.
class NoRepeatedBigram final : public LogitProcessor {
 public:
  explicit NoRepeatedBigram(std::span<const TokenId> prompt)
      : tokens_(prompt.begin(), prompt.end()) {}

  bool active() const override { return !tokens_.empty(); }
  void Process(std::span<float> logits) override {
    for (std::size_t i = 0; i + 1 < tokens_.size(); ++i) {
      if (tokens_[i] == tokens_.back()) logits[tokens_[i + 1]] = kExcluded;
    }
  }
  void Accept(TokenId token) override { tokens_.push_back(token); }
  std::string Describe() const override { return "excludes bigrams that were there"; }

 private:
  std::vector<TokenId> tokens_;
};

std::vector<float> Processed(LogitProcessorList& list, std::vector<float> logits) {
  EXPECT_THAT(list.Process(logits), IsOk());
  return logits;
}

TEST(LogitProcessorListTest, NoneIsNotActiveAndChangesNothing) {
  LogitProcessorList list;
  EXPECT_FALSE(list.active());
  EXPECT_THAT(Processed(list, {1, 2}), ElementsAre(1, 2));
}

TEST(LogitProcessorListTest, AppliesThemInTheOrderInWhichTheyWereAdded) {
  LogitProcessorList list;
  list.Add(std::make_unique<Affine>(1.0F, 3.0F, 1));
  list.Add(std::make_unique<Affine>(2.0F, 0.0F, 1));
  EXPECT_THAT(Processed(list, {1, 2}), ElementsAre(8, 10));
}

TEST(LogitProcessorListTest, IsActiveAsLongAsOneOfThemIs) {
  LogitProcessorList list;
  list.Add(std::make_unique<Affine>(1.0F, 1.0F, 1));
  list.Add(std::make_unique<Affine>(1.0F, 10.0F, 2));
  EXPECT_THAT(Processed(list, {0}), ElementsAre(11));
  list.Accept(0);
  EXPECT_TRUE(list.active());
  EXPECT_THAT(Processed(list, {0}), ElementsAre(10)) << "the first is not active any more";
  list.Accept(0);
  EXPECT_FALSE(list.active());
}

TEST(LogitProcessorListTest, AProcessorSeesThePromptAndEveryAcceptedToken) {
  LogitProcessorList list;
  list.Add(std::make_unique<NoRepeatedBigram>(std::vector<TokenId>{0, 1, 0}));
  EXPECT_THAT(Processed(list, {5, 6, 7}), ElementsAre(5, kExcluded, 7));
  list.Accept(2);
  EXPECT_THAT(Processed(list, {5, 6, 7}), ElementsAre(5, 6, 7));
  list.Accept(0);
  EXPECT_THAT(Processed(list, {5, 6, 7}), ElementsAre(5, kExcluded, kExcluded));
}

TEST(LogitProcessorListTest, RefusesLogitsOfWhichNoTokenIsLeftWithWhatExcludedThem) {
  LogitProcessorList list;
  list.Add(std::make_unique<Affine>(1.0F, 7.0F, 0));  // not active: not to blame
  list.Add(std::make_unique<Affine>(1.0F, kExcluded, 1));
  list.Add(std::make_unique<NoRepeatedBigram>(std::vector<TokenId>{0}));
  std::vector<float> logits = {1, 2};
  const absl::Status status = list.Process(logits);
  EXPECT_THAT(status, IsInvalid({"all 2 tokens", "adds -inf", "excludes bigrams"}));
  EXPECT_THAT(std::string(status.message()), ::testing::Not(::testing::HasSubstr("adds 7")));
}

}  // namespace
}  // namespace cascade::model
