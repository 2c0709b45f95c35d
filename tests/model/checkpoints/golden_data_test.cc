// SPDX-License-Identifier: Apache-2.0
// Golden data from a stranger: read in full, or refused by name.
#include "model/checkpoints/golden_data.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/model/checkpoints/golden_copy.h"
#include "tests/support/source_path.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/value_or_die.h"

namespace cascade::model {
namespace {

using testing::IsInvalid;
using testing::IsOk;
using testing::Refuses;

std::string RandomModelFolder() { return testing::SourcePath("tests/golden/random/model"); }

class GoldenDataTest : public ::testing::Test {
 protected:
  GoldenData Data() const {
    return testing::ValueOrDie(
        GoldenData::Open(copy_.path(), testing::ValueOrDie(LoadModelConfig(RandomModelFolder()))));
  }

  testing::GoldenCopy copy_;
};

TEST_F(GoldenDataTest, IsReadInFull) {
  EXPECT_EQ(testing::ValueOrDie(Data().Trace()).tokens.size(), 37U);
  EXPECT_EQ(testing::ValueOrDie(Data().Normalization()).rows.shape.front(), 6U);
  EXPECT_EQ(testing::ValueOrDie(Data().Logits()).context_tokens.size(), 97U);
  EXPECT_EQ(testing::ValueOrDie(Data().Sampling()).cuts.size(), 12U);
  EXPECT_EQ(testing::ValueOrDie(Data().Generations()).size(), 14U);
}

TEST_F(GoldenDataTest, AFolderWithoutProvenanceIsNoGoldenData) {
  const testing::TempDir empty;
  EXPECT_THAT(GoldenData::Open(empty.path(), ModelConfig()),
              Refuses(absl::StatusCode::kNotFound, std::vector<std::string>{"provenance.json"}));
}

TEST_F(GoldenDataTest, AMissingFileIsNamed) {
  copy_.Write("trace/tokens.npy", "");
  EXPECT_THAT(Data().Trace(), IsInvalid({"trace/tokens.npy"}));
}

TEST_F(GoldenDataTest, AShapeThatTheModelDoesNotHaveIsRefused) {
  copy_.Write("trace/h.1.ln_2.npy", copy_.Read("trace/h.1.attn.c_attn.npy"));
  EXPECT_THAT(Data().Trace(),
              IsInvalid({"trace/h.1.ln_2.npy", "shape [37, 192], found [37, 576]"}));
}

TEST_F(GoldenDataTest, AnotherElementTypeIsRefused) {
  copy_.Write("trace/ln_f.npy", copy_.Read("trace/tokens.npy"));
  EXPECT_THAT(Data().Trace(), IsInvalid({"trace/ln_f.npy", "float32"}));
  copy_.Write("sampling/argmax.npy", copy_.Read("sampling/temperatures.npy"));
  EXPECT_THAT(Data().Sampling(), IsInvalid({"sampling/argmax.npy", "int32"}));
}

TEST_F(GoldenDataTest, ANaNIsRefused) {
  copy_.SetFloat("sampling/logits", 3, std::nanf(""));
  EXPECT_THAT(Data().Sampling(), IsInvalid({"sampling/logits.npy", "no NaN"}));
}

TEST_F(GoldenDataTest, AnIdOutsideTheVocabularyIsRefused) {
  copy_.SetInt("trace/tokens", 0, 509);
  EXPECT_THAT(Data().Trace(), IsInvalid({"trace/tokens.npy", "from 0 to 508"}));
  copy_.SetInt("logits/prompts.columns", 0, -1);
  EXPECT_THAT(Data().Logits(), IsInvalid({"logits/prompts.columns.npy", "from 0 to 508"}));
  copy_.Replace("generation.json", "\"prompt_ids\": [", "\"prompt_ids\": [509, ");
  EXPECT_THAT(Data().Generations(), IsInvalid({"generation.json", "prompt_ids"}));
}

TEST_F(GoldenDataTest, PositionsMustAscend) {
  copy_.SetInt("logits/full_context.positions", 0, 96);
  EXPECT_THAT(Data().Logits(), IsInvalid({"full_context.positions.npy", "ascending"}));
}

// A model gives at most n_ctx rows: more positions than that would be written beyond them.
TEST_F(GoldenDataTest, APositionMayNotComeTwice) {
  copy_.SetInt("logits/full_context.positions", 1, 0);
  EXPECT_THAT(Data().Logits(), IsInvalid({"full_context.positions.npy", "strictly ascending"}));
}

TEST_F(GoldenDataTest, ATemperatureOfZeroIsRefused) {
  copy_.SetFloat("sampling/temperatures", 0, 0);
  EXPECT_THAT(Data().Sampling(), IsInvalid({"temperatures above 0"}));
}

TEST_F(GoldenDataTest, ARowBeyondTheLogitsIsRefused) {
  copy_.Replace("sampling/cases.json", "\"row\": 8", "\"row\": 9");
  EXPECT_THAT(Data().Sampling(), IsInvalid({"sampling/cases.json", "row is 9"}));
}

TEST_F(GoldenDataTest, AGreedyCutIsRefused) {
  copy_.Replace("sampling/cases.json", "\"temperature\": 0.8,", "\"temperature\": 0,");
  EXPECT_THAT(Data().Sampling(), IsInvalid({"sampling/cases.json", "temperature"}));
}

TEST_F(GoldenDataTest, JsonThatIsNoListOfObjectsIsRefused) {
  for (const char* text : {"", "{}", "[]", "[1]", "[{}]"}) {
    copy_.Write("generation.json", text);
    EXPECT_THAT(Data().Generations(), IsInvalid({"generation.json"})) << text;
  }
}

TEST_F(GoldenDataTest, KnowsTheModelThatItWasMadeFor) {
  EXPECT_THAT(Data().CheckMadeFor(RandomModelFolder()), IsOk());
  EXPECT_THAT(Data().CheckMadeFor(testing::BundledModelFolder()),
              Refuses(absl::StatusCode::kFailedPrecondition,
                      std::vector<std::string>{"made for another model", "/config.json"}));
}

TEST_F(GoldenDataTest, KnowsOtherWeightsOfTheSameShape) {
  const std::string provenance = copy_.Read("provenance.json");
  const std::string key = "\"model.safetensors\": \"";
  const std::size_t at = provenance.find(key) + key.size();
  copy_.Replace("provenance.json", provenance.substr(at, 8), "00000000");
  EXPECT_THAT(Data().CheckMadeFor(RandomModelFolder()),
              Refuses(absl::StatusCode::kFailedPrecondition,
                      std::vector<std::string>{"/model.safetensors", "00000000"}));
}

TEST_F(GoldenDataTest, ProvenanceWithoutHashesIsRefused) {
  for (const char* text :
       {"[]", "{}", R"({"config_sha256": "x"})", R"({"config_sha256": "x", "weights_sha256": {}})",
        R"({"config_sha256": 1, "weights_sha256": {"a": "b"}})"}) {
    copy_.Write("provenance.json", text);
    EXPECT_THAT(Data().CheckMadeFor(RandomModelFolder()), IsInvalid({"provenance.json"})) << text;
  }
}

TEST_F(GoldenDataTest, AWeightFileOutsideTheModelsFolderIsRefused) {
  copy_.Replace("provenance.json", "\"model.safetensors\"", "\"../model.safetensors\"");
  EXPECT_THAT(Data().CheckMadeFor(RandomModelFolder()), IsInvalid({"weights_sha256"}));
}

}  // namespace
}  // namespace cascade::model
