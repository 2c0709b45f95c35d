// SPDX-License-Identifier: Apache-2.0
// `cascade embed` and `cascade score` against a server of the test's own, over TCP.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tools/command_test.h"
#include "tools/cascade/commands.h"

namespace cascade::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using PromptCommandsTest = CommandTest;

TEST_F(PromptCommandsTest, EmbedPrintsALineForEachText) {
  StartServer();
  EXPECT_EQ(Run(MakeEmbedCommand(), {"Once", "-"}), ExitCode::kOk) << err_.str();
  EXPECT_EQ(out_.str(), "0.100000001 0\n0.100000001 -1\n");
  ASSERT_EQ(service_.embed_request.inputs_size(), 2);
  EXPECT_EQ(service_.embed_request.inputs(0).text(), "Once");
  EXPECT_EQ(service_.embed_request.inputs(1).text(), "from standard input");
  EXPECT_EQ(service_.embed_request.pooling(), v1::POOLING_LAST);
}

TEST_F(PromptCommandsTest, EmbedSendsEveryFlag) {
  StartServer();
  EXPECT_EQ(
      Run(MakeEmbedCommand(), {"--pooling=mean", "--normalize", "--token_ids=4,5",
                               "--parse_special_tokens", "--max_prompt_tokens=6", "--priority=-2",
                               "--cache_salt=s", "--bypass_cache", "--request_id=r"}),
      ExitCode::kOk)
      << err_.str();
  const v1::EmbedRequest& request = service_.embed_request;
  EXPECT_EQ(request.pooling(), v1::POOLING_MEAN);
  EXPECT_TRUE(request.normalize());
  EXPECT_THAT(request.inputs(0).token_ids().ids(), ElementsAre(4, 5));
  EXPECT_TRUE(request.parse_special_tokens());
  EXPECT_EQ(request.truncation().max_prompt_tokens(), 6U);
  EXPECT_EQ(request.priority(), -2);
  EXPECT_EQ(request.cache().salt(), "s");
  EXPECT_TRUE(request.cache().bypass());
  EXPECT_EQ(request.request_id(), "r");
}

TEST_F(PromptCommandsTest, EmbedPrintsJson) {
  StartServer();
  Run(MakeEmbedCommand(), {"--json", "--pooling=tokens", "--truncate", "Once"});
  EXPECT_THAT(out_.str(), HasSubstr(R"({"embeddings":[{"vectors":[{"values":[0.1,)"));
  EXPECT_EQ(service_.embed_request.pooling(), v1::POOLING_TOKENS);
  EXPECT_TRUE(service_.embed_request.has_truncation());
}

TEST_F(PromptCommandsTest, AWrongCommandLineSendsNothing) {
  EXPECT_EQ(Run(MakeEmbedCommand(), {}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeEmbedCommand(), {"--token_ids=1", "Once"}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeEmbedCommand(), {"--pooling=max", "Once"}), ExitCode::kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("--pooling: must be last, mean or tokens"));
  EXPECT_EQ(Run(MakeScoreCommand(), {"Once"}), ExitCode::kUsage);
}

TEST_F(PromptCommandsTest, ScorePrintsALineForEachContinuationInTheirOrder) {
  StartServer();
  EXPECT_EQ(Run(MakeScoreCommand(), {"Once", " upon", " a\n"}), ExitCode::kOk) << err_.str();
  EXPECT_EQ(out_.str(),
            "   -0.000000     2 tokens  greedy  \" upon\"\n"
            "   -1.500000     2 tokens          \" a\\n\"\n");
  const v1::ScoreRequest::Item& item = service_.score_request.items(0);
  EXPECT_EQ(item.prompt().text(), "Once");
  EXPECT_EQ(item.continuations(0).text(), " upon");
}

TEST_F(PromptCommandsTest, ScorePrintsJsonLines) {
  StartServer();
  Run(MakeScoreCommand(), {"--json", "--logprobs", "Once", " upon"});
  EXPECT_TRUE(service_.score_request.logprobs());
  EXPECT_THAT(out_.str(), HasSubstr(R"({"score":{)"));
  EXPECT_THAT(out_.str(), HasSubstr(R"({"summary":{}})"));
}

TEST_F(PromptCommandsTest, AScoreStreamThatEndsEarlyIsAFailure) {
  StartServer();
  EXPECT_EQ(Run(MakeScoreCommand(), {"no summary", " upon"}), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("not whole"));
}

}  // namespace
}  // namespace cascade::cli
