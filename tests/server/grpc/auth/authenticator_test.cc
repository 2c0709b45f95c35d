// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/auth/authenticator.h"

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace cascade::server {
namespace {

using ::cascade::testing::IsOk;
using ::cascade::testing::Refuses;
using ::cascade::testing::TempDir;

using Parts = std::vector<std::string>;

class AuthenticatorTest : public ::testing::Test {
 protected:
  void Write(absl::string_view text) { std::ofstream(path_) << text; }

  static std::string Line(absl::string_view name, absl::string_view token,
                          absl::string_view settings = "") {
    const TokenHash hash = HashToken(token);
    return absl::StrCat(
        name, " ",
        absl::BytesToHexString({reinterpret_cast<const char*>(hash.data()), hash.size()}), " ",
        settings, "\n");
  }

  std::shared_ptr<Tenant> Find(absl::string_view header) const {
    return authenticator_.AuthenticateHeader(header).value_or(nullptr);
  }

  const TempDir folder_;
  const std::string path_ = folder_.PathOf("tokens");
  Authenticator authenticator_{path_};
};

TEST_F(AuthenticatorTest, KnowsCallersByTheirTokens) {
  Write(Line("a", "one") + Line("a", "another") + Line("b", "two"));
  ASSERT_THAT(authenticator_.Read(), IsOk());
  ASSERT_NE(Find("Bearer one"), nullptr);
  EXPECT_EQ(Find("Bearer one")->name(), "a");
  EXPECT_EQ(Find("bearer another"), Find("Bearer one"));
  EXPECT_EQ(Find("Bearer two")->name(), "b");
}

TEST_F(AuthenticatorTest, RefusesEverybodyElse) {
  Write(Line("a", "one"));
  ASSERT_THAT(authenticator_.Read(), IsOk());
  for (const std::string& header : {std::string(), std::string("one"), std::string("Basic one"),
                                    std::string("Bearer"), std::string("Bearerone")}) {
    EXPECT_THAT(authenticator_.AuthenticateHeader(header),
                Refuses(absl::StatusCode::kUnauthenticated, Parts{"authorization: Bearer TOKEN"}));
  }
  for (const std::string& header :
       {std::string("Bearer "), std::string("Bearer oneone"), std::string("Bearer ONE"),
        "Bearer " + std::string(5000, 'x')}) {
    EXPECT_THAT(
        authenticator_.AuthenticateHeader(header),
        Refuses(absl::StatusCode::kUnauthenticated, Parts{"does not know the bearer token"}));
  }
}

TEST_F(AuthenticatorTest, AFileThatIsWrongChangesNothing) {
  Write(Line("a", "one"));
  ASSERT_THAT(authenticator_.Read(), IsOk());
  Write("a nonsense");
  EXPECT_THAT(authenticator_.Read(), Refuses(absl::StatusCode::kInvalidArgument,
                                             Parts{"--callers_file=" + path_, "line 1: "}));
  EXPECT_NE(Find("Bearer one"), nullptr);
  Write("");  // as a writer leaves it for a moment
  EXPECT_THAT(authenticator_.Read(),
              Refuses(absl::StatusCode::kInvalidArgument, Parts{"no line names a caller"}));
  EXPECT_NE(Find("Bearer one"), nullptr);
  Authenticator endless("/dev/zero");
  EXPECT_THAT(endless.Read(),
              Refuses(absl::StatusCode::kInvalidArgument, Parts{"has more than 1048576 bytes"}));
  Authenticator none(folder_.PathOf("none"));
  EXPECT_THAT(none.Read(),
              Refuses(absl::StatusCode::kInvalidArgument, Parts{"cannot be read", "No such file"}));
  Authenticator directory(folder_.path());
  EXPECT_THAT(directory.Read(),
              Refuses(absl::StatusCode::kInvalidArgument, Parts{"Is a directory"}));
}

TEST_F(AuthenticatorTest, ANewFileKeepsWhatCallersHaveUsed) {
  Write(Line("a", "one", "max_requests=1") + Line("b", "two", "max_requests=1"));
  ASSERT_THAT(authenticator_.Read(), IsOk());
  const std::shared_ptr<Tenant> a = Find("Bearer one");
  const std::shared_ptr<Tenant> b = Find("Bearer two");
  Write(Line("a", "new", "max_requests=1") + Line("b", "two", "max_requests=2"));
  ASSERT_THAT(authenticator_.Read(), IsOk());
  EXPECT_EQ(Find("Bearer one"), nullptr);
  EXPECT_EQ(Find("Bearer new"), a);
  EXPECT_NE(Find("Bearer two"), b);
}

TEST(AuthenticatorWithoutAFileTest, LetsEverybodyIn) {
  Authenticator everybody("");
  EXPECT_FALSE(everybody.on());
  EXPECT_THAT(everybody.Read(), IsOk());
  const auto caller = everybody.AuthenticateHeader("");
  ASSERT_THAT(caller, IsOk());
  EXPECT_EQ(*caller, nullptr);
}

}  // namespace
}  // namespace cascade::server
