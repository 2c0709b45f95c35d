// SPDX-License-Identifier: Apache-2.0
// Beam search beside Hugging Face's (tests/golden/beams): 40 prompts of each golden model at widths
// 2, 4 and 8, each with two random settings of everything else.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/generation/beam_generator.h"
#include "model/json_document.h"
#include "nlohmann/json.hpp"
#include "tests/checkpoints/golden_model.h"
#include "tests/support/source_path.h"
#include "tests/support/value_or_die.h"

namespace cascade::model {
namespace {

using testing::ValueOrDie;

// Of a score. A negative length penalty multiplies the log-probability, and its error, by the
// length.
constexpr double kTolerance = 1e-4;

GenerationParams ParamsOf(const nlohmann::json& golden, const std::vector<TokenId>& ends) {
  GenerationParams params;
  params.beams = BeamParams{.width = golden["width"],
                            .returned = golden["width"],
                            .length_penalty = golden["length_penalty"],
                            .groups = golden["groups"],
                            .diversity_penalty = golden["diversity_penalty"]};
  if (golden["early_stopping"] == "true") {
    params.beams->early_stopping = BeamParams::EarlyStopping::kWhenFull;
  } else if (golden["early_stopping"] == "never") {
    params.beams->early_stopping = BeamParams::EarlyStopping::kNever;
  }
  params.penalties.repetition = golden["repetition"];
  params.stopping.max_new_tokens = golden["max_new_tokens"];
  params.stopping.eos_token_ids = ends;
  return params;
}

std::vector<TokenId> IdsOf(const Generation& generation) {
  std::vector<TokenId> ids;
  for (const GeneratedToken& token : generation.tokens) ids.push_back(token.id);
  return ids;
}

class BeamsTest : public testing::GoldenModelTest {
 protected:
  void ExpectGoldenBeams(absl::string_view file) {
    const std::string path = testing::SourcePath(absl::StrCat("tests/golden/beams/", file));
    const JsonDocument document =
        ValueOrDie(ParseJsonObject(ValueOrDie(ReadTextFile(path, std::size_t{1} << 20)), path));
    const nlohmann::json& golden = (*document)[std::string(name())];
    const std::vector<TokenId> ends = golden["ends"];
    ASSERT_EQ(golden["cases"].size(), 240U);
    Gpt2 model = MakeModel();
    KvCache cache = MakeCache(9 * config().n_ctx);
    const Tokenizer tokenizer = LoadTokenizer();
    for (std::size_t i = 0; i < golden["cases"].size(); i += CASCADE_EVERY_CASE) {
      SCOPED_TRACE(absl::StrCat("case ", i));
      const nlohmann::json& expected = golden["cases"][i];
      const std::vector<TokenId> prompt = expected["prompt"];
      ExpectGoldenBeams(
          ValueOrDie(GenerateBeams(model, tokenizer, cache, prompt, ParamsOf(expected, ends))),
          expected, ends);
      EXPECT_EQ(cache.free_blocks(), cache.num_blocks());
    }
    std::cout << "beams " << file << " " << name() << "  max abs error of a score " << worst_
              << "  (tolerance " << kTolerance << ")\n";
    EXPECT_LE(worst_, kTolerance);
  }

 private:
  void ExpectGoldenBeams(const std::vector<Generation>& beams, const nlohmann::json& golden,
                         const std::vector<TokenId>& ends) {
    ASSERT_EQ(beams.size(), golden["beams"].size());
    const double power = std::min(golden["length_penalty"].get<double>(), 0.0);
    for (std::size_t i = 0; i < beams.size(); ++i) {
      const nlohmann::json& beam = golden["beams"][i];
      std::vector<TokenId> ids = IdsOf(beams[i]);
      // Of groups, transformers 4 tells the first end in the place of each.
      if (golden["groups"] > 1 && ids.back() == ends.back()) ids.back() = ends.front();
      EXPECT_EQ(ids, beam["tokens"].get<std::vector<TokenId>>()) << "beam " << i;
      const double error = std::abs(*beams[i].finish.beam_score - beam["score"].get<double>());
      worst_ = std::max(worst_, error * std::pow(ids.size(), power));
    }
  }

  double worst_ = 0.0;
};

TEST_P(BeamsTest, AreHuggingFaces) { ExpectGoldenBeams("plain.json"); }

TEST_P(BeamsTest, OfSeveralGroupsAreHuggingFaces) { ExpectGoldenBeams("diverse.json"); }

INSTANTIATE_TEST_SUITE_P(, BeamsTest, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
