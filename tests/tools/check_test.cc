// SPDX-License-Identifier: Apache-2.0
// cascade check, from its command line to its output.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "model/json_document.h"
#include "nlohmann/json.hpp"
#include "tests/model/checkpoints/golden_copy.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tests/support/value_or_die.h"
#include "tools/cascade/check/subject.h"
#include "tools/cascade/commands.h"

namespace cascade::cli {
namespace {

using testing::BundledModelFolder;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::SourcePath;

class CheckTest : public ::testing::Test {
 protected:
  ExitCode Run(const std::vector<std::string>& args) {
    return RunCommand(*MakeCheckCommand(), args, console_);
  }

  // The random model, whose golden data does not lie in its folder and which has no tokenizer.
  ExitCode RunOnRandom(std::vector<std::string> args) {
    args.push_back(SourcePath("tests/golden/random/model"));
    args.push_back(absl::StrCat("--golden=", golden_.path()));
    args.push_back(absl::StrCat("--tokenizer=", BundledModelFolder()));
    return Run(args);
  }

  testing::GoldenCopy golden_;
  testing::TempDir folder_;
  std::istringstream in_;
  std::ostringstream out_;
  std::ostringstream err_;
  Console console_{in_, out_, err_, false, false};
};

TEST_F(CheckTest, TheBundledModelPassesWithTheGoldenDataOfTheSourceTree) {
  EXPECT_EQ(Run({BundledModelFolder()}), ExitCode::kOk);
  EXPECT_THAT(out_.str(), HasSubstr("tests/golden/tales-7m"));
  EXPECT_THAT(out_.str(), HasSubstr("\n 7  transformer_block model/layers/transformer_block.cc   "
                                    "1e-04      1.3e-05            PASS\n"));
  EXPECT_THAT(out_.str(), HasSubstr("\n12 checkpoints passed.\n"));
  EXPECT_EQ(err_.str(), "");
}

TEST_F(CheckTest, StopsAtAFailureAndSaysWhatToLookAt) {
  golden_.SetFloat("trace/h.0.attn.scores", 1, 0.25F);
  EXPECT_EQ(RunOnRandom({}), ExitCode::kFailed);
  EXPECT_THAT(out_.str(), HasSubstr("\nCheckpoint 4 failed: block 0, head 0, element [0, 1]: "
                                    "expected 0.25, found 0\n  Look at "
                                    "model/layers/attention/scores.cc: "));
  EXPECT_THAT(out_.str(), HasSubstr("docs/checkpoints/CHECKPOINT_04.md"));
  EXPECT_THAT(out_.str(), HasSubstr("not measured: checkpoint 4 failed\n"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("passed")));
}

TEST_F(CheckTest, PrintsJsonLines) {
  golden_.SetFloat("trace/h.0.mlp", 7, 50);
  EXPECT_EQ(RunOnRandom({"--json"}), ExitCode::kFailed);
  const std::vector<std::string> lines = absl::StrSplit(out_.str(), '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 13U);
  const auto ffn = testing::ValueOrDie(model::ParseJsonObject(lines[6], "line 6"));
  EXPECT_EQ((*ffn)["checkpoint"], 6);
  EXPECT_EQ((*ffn)["tolerance"], 1e-4);
  EXPECT_EQ((*ffn)["verdict"], "FAIL");
  EXPECT_EQ((*ffn)["mismatch"]["element"], "element [0, 7]");
  const auto block = testing::ValueOrDie(model::ParseJsonObject(lines[7], "line 7"));
  EXPECT_EQ((*block)["verdict"], "not measured");
  EXPECT_EQ((*block)["note"], "checkpoint 6 failed");
}

TEST_F(CheckTest, DrawsThePageWhetherItPassesOrFails) {
  const std::string page = folder_.PathOf("ladder.html");
  EXPECT_EQ(RunOnRandom({absl::StrCat("--html=", page)}), ExitCode::kOk);
  const auto read = [&page] { return testing::ValueOrDie(model::ReadTextFile(page, 1 << 20)); };
  EXPECT_THAT(read(), HasSubstr("12 checkpoints passed."));
  EXPECT_THAT(read(), Not(HasSubstr("src=")));
  EXPECT_THAT(read(), Not(HasSubstr("http")));
  golden_.SetFloat("trace/h.0.mlp", 7, 50);
  EXPECT_EQ(RunOnRandom({absl::StrCat("--html=", page)}), ExitCode::kFailed);
  EXPECT_THAT(read(), HasSubstr("Checkpoint 6 failed: ffn"));
  EXPECT_THAT(read(), HasSubstr("block 0, element [0, 7]: expected 50"));
}

TEST_F(CheckTest, APageThatCannotBeWrittenIsAFailure) {
  EXPECT_EQ(RunOnRandom({"--html=/no/such/folder/ladder.html"}), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("/no/such/folder/ladder.html: cannot be written"));
}

TEST_F(CheckTest, WithoutGoldenDataItSaysHowToMakeIt) {
  EXPECT_EQ(Run({SourcePath("tests/golden/random/model")}), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("no golden data for"));
  EXPECT_THAT(err_.str(), HasSubstr("generate.py --model"));
}

TEST_F(CheckTest, GoldenDataOfAnotherModelIsRefusedByHash) {
  EXPECT_EQ(Run({BundledModelFolder(), absl::StrCat("--golden=", golden_.path())}),
            ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("made for another model"));
  EXPECT_EQ(out_.str(), "");
}

TEST_F(CheckTest, FoldersThatAreNotThereAreNamed) {
  EXPECT_EQ(Run({"/no/such/model"}), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("/no/such/model/config.json"));
  EXPECT_EQ(Run({BundledModelFolder(), "--golden=/no/such/golden"}), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("/no/such/golden/provenance.json"));
}

TEST_F(CheckTest, AWrongCommandLineIsRefused) {
  EXPECT_EQ(Run({}), ExitCode::kUsage);
  EXPECT_EQ(Run({"one", "two"}), ExitCode::kUsage);
  EXPECT_EQ(Run({"model", "--server=localhost:1"}), ExitCode::kUsage) << "it asks no server";
}

TEST_F(CheckTest, HelpSaysHowGoldenDataIsMade) {
  EXPECT_EQ(Run({"--help"}), ExitCode::kOk);
  EXPECT_THAT(out_.str(), HasSubstr("generate.py --model"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("--server")));
}

TEST(FindGoldenTest, FindsItInTheModelsFolderFirst) {
  const testing::TempDir model;
  EXPECT_EQ(FindGolden(model.path()), "");
  std::filesystem::create_directory(model.PathOf("golden"));
  EXPECT_EQ(FindGolden(model.path()), "") << "an empty folder is no golden data";
  model.WriteFile("golden/provenance.json", "{}");
  EXPECT_EQ(std::filesystem::weakly_canonical(FindGolden(model.path())),
            std::filesystem::weakly_canonical(model.PathOf("golden")));
}

TEST(FindGoldenTest, ASlashAtTheEndDoesNotHideTheName) {
  EXPECT_EQ(FindGolden(absl::StrCat(BundledModelFolder(), "/")), FindGolden(BundledModelFolder()));
  EXPECT_NE(FindGolden(BundledModelFolder()), "");
}

}  // namespace
}  // namespace cascade::cli
