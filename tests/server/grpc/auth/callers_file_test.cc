// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/auth/callers_file.h"

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

using ::testing::HasSubstr;

std::string Hex(absl::string_view token) {
  const TokenHash hash = HashToken(token);
  return absl::BytesToHexString({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

std::string Refusal(absl::string_view text) {
  const absl::StatusOr<std::vector<TenantSpec>> tenants = ParseCallersFile(text);
  EXPECT_FALSE(tenants.ok()) << text;
  return std::string(tenants.status().message());
}

TEST(CallersFileTest, HashesAsSha256sumDoes) {
  EXPECT_EQ(Hex("secret"), "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b");
}

TEST(CallersFileTest, ReadsNamesHashesAndSettings) {
  const absl::StatusOr<std::vector<TenantSpec>> tenants = ParseCallersFile(
      absl::StrCat("\xEF\xBB\xBF# who may call\r\n\n  team-a\t", Hex("a"),
                   " max_requests=8 tokens_per_minute=60000 max_priority=5 share_prefixes=true\r\n",
                   "b@c.d ", absl::AsciiStrToUpper(Hex("b"))));
  ASSERT_TRUE(tenants.ok()) << tenants.status();
  ASSERT_EQ(tenants->size(), 2U);
  EXPECT_EQ((*tenants)[0], (TenantSpec{.name = "team-a",
                                       .token = HashToken("a"),
                                       .max_requests = 8,
                                       .tokens_per_minute = 60'000,
                                       .max_priority = 5,
                                       .share_prefixes = true}));
  EXPECT_EQ((*tenants)[1], (TenantSpec{.name = "b@c.d", .token = HashToken("b")}));
}

TEST(CallersFileTest, ACallerMayHaveSeveralTokens) {
  EXPECT_TRUE(ParseCallersFile(
                  absl::StrCat("a ", Hex("1"), " max_requests=2\na ", Hex("2"), " max_requests=2"))
                  .ok());
  EXPECT_THAT(Refusal(absl::StrCat("a ", Hex("1"), " max_requests=2\na ", Hex("2"))),
              HasSubstr("line 2: \"a\" has other settings"));
  EXPECT_THAT(Refusal(absl::StrCat("a ", Hex("1"), "\nb ", Hex("1"))),
              HasSubstr("line 2: the token is that of a line before"));
}

TEST(CallersFileTest, NamesTheLineThatIsWrongAndTellsNoToken) {
  const std::string hash = Hex("1");
  const struct {
    std::string line;
    std::string message;
  } cases[] = {
      {"a", "SHA-256, 64 hexadecimal digits"},
      {"a secret-itself", "SHA-256, 64 hexadecimal digits"},
      {"a " + hash + "0", "SHA-256, 64 hexadecimal digits"},
      {"a/b " + hash, "the name must be 1 to 64 letters"},
      {std::string(65, 'a') + " " + hash, "the name must be 1 to 64 letters"},
      {"a " + hash + " max_requests=0", "max_requests must be a number from 1 to 1000000"},
      {"a " + hash + " tokens_per_minute=-1", "tokens_per_minute must be a number from 1"},
      {"a " + hash + " max_priority=1001", "max_priority must be a number from 0 to 1000"},
      {"a " + hash + " share_prefixes=perhaps", "share_prefixes must be true or false"},
      {"a " + hash + " limit=1", "a setting must be max_requests=, tokens_per_minute="},
  };
  for (const auto& c : cases) {
    const std::string refusal = Refusal("# first\n" + c.line);
    EXPECT_THAT(refusal, HasSubstr("line 2: ")) << c.line;
    EXPECT_THAT(refusal, HasSubstr(c.message)) << c.line;
    EXPECT_THAT(refusal, ::testing::Not(HasSubstr("secret-itself")));
  }
}

TEST(CallersFileTest, AFileThatNamesNobodyIsWrong) {
  EXPECT_EQ(Refusal(""), "no line names a caller");
  EXPECT_EQ(Refusal("# nobody yet\n\n"), "no line names a caller");
}

}  // namespace
}  // namespace cascade::server
