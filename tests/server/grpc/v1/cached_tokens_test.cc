// SPDX-License-Identifier: Apache-2.0
// What a client learns of the prefix cache, over loopback TCP.
#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::GenerateStream;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Served;
using ::cascade::testing::Stream;

constexpr std::uint32_t kPromptTokens = 40;
constexpr std::uint32_t kFound = 32;  // whole blocks of 16

v1::GenerateRequest LongPrompt() {
  v1::GenerateRequest request;
  for (std::uint32_t id = 0; id < kPromptTokens; ++id) request.mutable_token_ids()->add_ids(id);
  request.mutable_stopping()->set_max_new_tokens(5);
  return request;
}

// Sends the same prompt twice. Expects that the second time both methods say that `reported` of its
// tokens were found. Returns the second answer.
std::string SecondAnswer(Served& served, std::uint32_t reported) {
  EXPECT_TRUE(GenerateStream(served.stub(), LongPrompt()).status.ok());
  const Stream stream = GenerateStream(served.stub(), LongPrompt());
  EXPECT_TRUE(stream.status.ok()) << stream.status.error_message();
  if (stream.events.empty()) return "";
  EXPECT_EQ(stream.events.front().prompt().prompt_tokens(), kPromptTokens);
  EXPECT_EQ(stream.events.front().prompt().cached_tokens(), reported);
  EXPECT_EQ(stream.events.back().summary().usage().cached_tokens(), reported);
  grpc::ClientContext context;
  v1::GenerateResponse response;
  EXPECT_TRUE(served.stub().Generate(&context, LongPrompt(), &response).ok());
  EXPECT_EQ(response.prompt().cached_tokens(), reported);
  EXPECT_EQ(response.summary().usage().cached_tokens(), reported);
  return stream.Answer().text();
}

TEST(CachedTokensTest, AreReportedUnlessTheOperatorHidesThem) {
  const ModelFolder folder;
  Served open(folder.path());
  Served hiding(folder.path(), [](Options& options) { options.report_cached_tokens = false; });
  EXPECT_EQ(SecondAnswer(open, kFound), SecondAnswer(hiding, 0));
}

}  // namespace
}  // namespace cascade::server
