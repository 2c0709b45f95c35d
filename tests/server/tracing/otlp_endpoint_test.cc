// SPDX-License-Identifier: Apache-2.0

#include "server/tracing/otlp_endpoint.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using ::cascade::testing::IsInvalid;
using ::cascade::testing::IsOk;

TEST(OtlpEndpointTest, TheSchemeSaysWhetherThereIsTls) {
  const struct {
    const char* text;
    const char* target;
    bool tls;
  } cases[] = {
      {"collector:4317", "collector:4317", false},
      {"http://collector:4317", "collector:4317", false},
      {"https://collector.example:443/", "collector.example:443", true},
      {"[::1]:4317", "[::1]:4317", false},
  };
  for (const auto& one : cases) {
    const absl::StatusOr<OtlpEndpoint> endpoint = ParseOtlpEndpoint(one.text);
    ASSERT_THAT(endpoint, IsOk()) << one.text;
    EXPECT_EQ(endpoint->target, one.target);
    EXPECT_EQ(endpoint->tls, one.tls) << one.text;
  }
}

TEST(OtlpEndpointTest, RefusesWhatIsNoHostAndPort) {
  for (const char* text :
       {"", "collector", ":4317", "collector:", "collector:0", "collector:65536", "collector:otlp",
        "ftp://collector:1", "http://collector:4318/v1/traces", "https://", "a b:4317"}) {
    EXPECT_THAT(ParseOtlpEndpoint(text), IsInvalid({"HOST:PORT", "localhost:4317"})) << text;
  }
}

}  // namespace
}  // namespace cascade::server
