// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/auth/tenant.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/grpc/status.h"

namespace cascade::server {
namespace {

const absl::Time kStart = absl::UnixEpoch();

TenantSpec Named(const std::string& name) {
  TenantSpec spec;
  spec.name = name;
  return spec;
}

TEST(TenantTest, HasAsManyRequestsAsItMay) {
  TenantSpec spec = Named("a");
  spec.max_requests = 20;
  const auto tenant = std::make_shared<Tenant>(spec, kStart);
  std::vector<TenantPermit> permits;
  for (int i = 0; i < 20; ++i) {
    absl::StatusOr<TenantPermit> permit = TenantPermit::TryEnter(tenant, kStart);
    ASSERT_TRUE(permit.ok()) << permit.status();
    permits.push_back(*std::move(permit));
  }
  const absl::Status refusal = TenantPermit::TryEnter(tenant, kStart).status();
  EXPECT_TRUE(absl::IsResourceExhausted(refusal));
  EXPECT_THAT(std::string(refusal.message()), ::testing::HasSubstr("\"a\" has 20 requests"));
  EXPECT_FALSE(HasRetryDelay(refusal));  // when one ends is not known
  permits.pop_back();
  EXPECT_TRUE(TenantPermit::TryEnter(tenant, kStart).ok());
}

TEST(TenantTest, WaitsForItsTokens) {
  TenantSpec spec = Named("a");
  spec.tokens_per_minute = 60;
  const auto tenant = std::make_shared<Tenant>(spec, kStart);
  EXPECT_TRUE(TenantPermit::TryEnter(tenant, kStart).ok());
  tenant->Pay(89, kStart);  // known only when the answer has ended
  const absl::Status refusal = TenantPermit::TryEnter(tenant, kStart).status();
  EXPECT_TRUE(absl::IsResourceExhausted(refusal));
  EXPECT_THAT(std::string(refusal.message()), ::testing::HasSubstr("60 tokens a minute"));
  EXPECT_TRUE(HasRetryDelay(refusal));
  EXPECT_FALSE(TenantPermit::TryEnter(tenant, kStart + absl::Seconds(29)).ok());
  EXPECT_TRUE(TenantPermit::TryEnter(tenant, kStart + absl::Seconds(30)).ok());
}

TEST(TenantTest, SavesUpNoMoreThanAMinute) {
  TokenBucket bucket(60, kStart);
  const absl::Time later = kStart + absl::Hours(5);
  EXPECT_EQ(bucket.Wait(later), absl::ZeroDuration());
  bucket.Pay(60, later);
  EXPECT_EQ(bucket.Wait(later), absl::Seconds(1));
  EXPECT_EQ(bucket.Wait(later - absl::Seconds(9)), absl::Seconds(1));  // time does not go back
  EXPECT_EQ(bucket.Wait(later + absl::Seconds(1)), absl::ZeroDuration());
}

TEST(TenantTest, NoNameAndSaltMakeTheSaltOfAnother) {
  const auto salt = [](const std::string& name, bool shares, const std::string& asked) {
    TenantSpec spec = Named(name);
    spec.share_prefixes = shares;
    return Tenant(spec, kStart).CacheSalt(asked);
  };
  EXPECT_NE(salt("a", false, "x"), salt("b", false, "x"));
  EXPECT_NE(salt("a", false, "bx"), salt("ab", false, "x"));
  EXPECT_NE(salt("a", false, "x"), salt("a", false, "y"));
  EXPECT_EQ(salt("a", true, "x"), salt("b", true, "x"));
  EXPECT_NE(salt("a", true, salt("b", false, "x")), salt("b", false, "x"));
  EXPECT_NE(salt("a", true, ""), salt("a", false, ""));
}

}  // namespace
}  // namespace cascade::server
