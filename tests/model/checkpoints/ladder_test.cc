// SPDX-License-Identifier: Apache-2.0
// The ladder stands on golden data that is right, and stops where one element of it is wrong.
#include "model/checkpoints/ladder.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/model/checkpoints/golden_copy.h"
#include "tests/support/source_path.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/value_or_die.h"

namespace cascade::model {
namespace {

using testing::GoldenCopy;
using ::testing::HasSubstr;

std::unique_ptr<CheckedModel> RandomModel(const std::string& golden) {
  return testing::ValueOrDie(CheckedModel::Open(
      {testing::SourcePath("tests/golden/random/model"), golden, testing::BundledModelFolder()}));
}

std::vector<CheckpointResult> ClimbTo(const std::string& golden) {
  return testing::ValueOrDie(Climb(*RandomModel(golden), [](const CheckpointResult&) {}));
}

TEST(LadderTest, EveryCheckpointHasItsNumber) {
  for (std::size_t i = 0; i < checkpoints::kLadder.size(); ++i) {
    EXPECT_EQ(checkpoints::kLadder[i]->number, static_cast<int>(i));
  }
}

TEST(LadderTest, TellsEachResultInOrderAndMeasuresAllButTheServer) {
  const GoldenCopy golden;
  std::vector<int> told;
  const auto results =
      testing::ValueOrDie(Climb(*RandomModel(golden.path()), [&](const CheckpointResult& result) {
        told.push_back(result.checkpoint->number);
      }));
  EXPECT_THAT(told, ::testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
  for (const CheckpointResult& result : results) {
    const bool is_server = result.checkpoint->number == 0;
    EXPECT_EQ(result.verdict, is_server ? Verdict::kNotMeasured : Verdict::kPass);
    EXPECT_EQ(result.measurement.compared() == 0, is_server) << result.checkpoint->number;
  }
}

// One wrong element: which checkpoint finds it, and how it is named.
struct Fault {
  std::string name;
  int checkpoint;
  std::function<void(GoldenCopy&)> spoil;
  std::string element;
};

void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

// Makes the first generated token of the first prompt 0, which it is not.
void SpoilFirstToken(GoldenCopy& golden) {
  const std::string text = golden.Read("generation.json");
  const std::size_t begin = text.find("\"tokens\": [");
  const std::size_t end = text.find(',', begin);
  golden.Replace("generation.json", text.substr(begin, end - begin), "\"tokens\": [0");
}

class LadderFaultTest : public ::testing::TestWithParam<Fault> {};

TEST_P(LadderFaultTest, StopsThereAndNamesTheElement) {
  GoldenCopy golden;
  GetParam().spoil(golden);
  for (const CheckpointResult& result : ClimbTo(golden.path())) {
    const int number = result.checkpoint->number;
    if (number == 0) continue;
    const Verdict expected = number < GetParam().checkpoint   ? Verdict::kPass
                             : number > GetParam().checkpoint ? Verdict::kNotMeasured
                                                              : Verdict::kFail;
    EXPECT_EQ(result.verdict, expected) << "checkpoint " << number;
    if (expected != Verdict::kFail) continue;
    ASSERT_TRUE(result.measurement.mismatch().has_value());
    EXPECT_THAT(Describe(*result.measurement.mismatch()), HasSubstr(GetParam().element));
  }
}

INSTANTIATE_TEST_SUITE_P(
    , LadderFaultTest,
    ::testing::Values(
        Fault{"layer_norm", 1, [](auto& g) { g.SetFloat("trace/h.0.ln_1", 192 + 5, 9); },
              "ln_1 of block 0, element [1, 5]: expected 9, found "},
        Fault{"awkward_row", 1, [](auto& g) { g.SetFloat("layer_norm/expected", 3, 9); },
              "awkward rows through ln_1 of block 0, element [0, 3]"},
        Fault{"qkv", 2, [](auto& g) { g.SetFloat("trace/h.1.attn.c_attn", 0, 50); },
              "block 1, element [0, 0]: expected 50, found "},
        Fault{"scores", 4, [](auto& g) { g.SetFloat("trace/h.0.attn.scores", 37 * 37 + 37, 50); },
              "block 0, head 1, element [1, 0]: expected 50"},
        Fault{"beyond_the_diagonal", 4,
              [](auto& g) { g.SetFloat("trace/h.0.attn.scores", 1, 0.25F); },
              "block 0, head 0, element [0, 1]: expected 0.25, found 0"},
        Fault{"attention", 5, [](auto& g) { g.SetFloat("trace/h.1.attn", 7, 50); },
              "block 1, element [0, 7]"},
        Fault{"ffn", 6, [](auto& g) { g.SetFloat("trace/h.0.mlp", 7, 50); },
              "block 0, element [0, 7]"},
        Fault{"block", 7, [](auto& g) { g.SetFloat("trace/hidden", 2 * 37 * 192, 50); },
              "block 1, element [0, 0]: expected 50"},
        Fault{"logits", 8, [](auto& g) { g.SetFloat("logits/full_context", 509, 50); },
              "full context, element [1, 0]: expected 50"},
        Fault{"argmax", 10, [](auto& g) { g.SetInt("sampling/argmax", 2, 0); },
              "largest logit of each row, token 2: expected 0, found "},
        Fault{"softmax", 11, [](auto& g) { g.SetFloat("sampling/softmax", 1, 0.5F); },
              "temperature 0.1, element [0, 1]: expected 0.5"},
        Fault{"cut", 11,
              [](auto& g) { g.Replace("sampling/cases.json", "\"top_k\": 40", "\"top_k\": 39"); },
              "tokens left by row 1, temperature 0.8, top_k 39"},
        Fault{"token", 12, SpoilFirstToken, "token 0: expected 0, found "}),
    [](const auto& fault) { return fault.param.name; });

TEST(LadderTest, AFileThatCannotBeReadIsAnErrorThatNamesTheCheckpoint) {
  GoldenCopy golden;
  golden.Write("trace/h.0.mlp.npy", "nothing");
  EXPECT_THAT(Climb(*RandomModel(golden.path()), [](const CheckpointResult&) {}),
              testing::IsInvalid({"checkpoint 1: ", "trace/h.0.mlp.npy"}));
}

}  // namespace
}  // namespace cascade::model
