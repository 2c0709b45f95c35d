// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/v1/request.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/grpc/call/correlation.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/limits.h"
#include "server/grpc/status.h"
#include "tests/server/grpc/v1/wrong_fields.h"
#include "tests/server/served.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using ::cascade::testing::BadFields;
using ::cascade::testing::FullRequest;
using ::cascade::testing::IsOk;
using ::cascade::testing::WithBeams;
using ::cascade::testing::WrongField;
using ::cascade::testing::WrongFields;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ModelInfo Info() {
  ModelInfo info;
  info.config.vocab_size = 4096;
  info.config.n_ctx = 512;
  info.defaults.max_new_tokens = 128;
  info.cache_positions = 512;
  info.max_priority = 2;
  info.max_running = 4;
  return info;
}

std::vector<std::string> Violations(const v1::GenerateRequest& request) {
  return BadFields(ToGrpcStatus(Validate(request, Info())));
}

// The fields that are wrong in the full request after `change`.
std::vector<std::string> ViolationsAfter(const std::function<void(v1::GenerateRequest&)>& change) {
  v1::GenerateRequest request = FullRequest();
  change(request);
  return Violations(request);
}

TEST(ValidationTest, EveryLimitIsWithinReach) {
  EXPECT_THAT(Validate(FullRequest(), Info()), IsOk());
}

TEST(ValidationTest, ATextIsAWholeRequest) {
  v1::GenerateRequest request;
  request.set_text("x");
  EXPECT_THAT(Validate(request, Info()), IsOk());
}

TEST(ValidationTest, TheLargestValuesAreAllowed) {
  EXPECT_THAT(
      ViolationsAfter([](auto& r) {
        r.mutable_sampling()->set_temperature(100.0F);
        r.mutable_sampling()->set_top_k(std::numeric_limits<std::uint32_t>::max());
        r.mutable_sampling()->set_min_p(1.0F);
        r.mutable_sampling()->set_seed(std::numeric_limits<std::uint64_t>::max());
        r.mutable_sampling()->set_top_p(std::numeric_limits<float>::min());
        r.mutable_stopping()->set_max_new_tokens(std::numeric_limits<std::uint32_t>::max());
        r.mutable_truncation()->set_max_prompt_tokens(std::numeric_limits<std::uint32_t>::max());
        r.set_request_id(std::string(kMaxRequestIdBytes, '~'));
        r.set_text(std::string(kMaxTextBytes, 'x'));
      }),
      IsEmpty());
}

TEST(ValidationTest, BeamsMayHaveWhatDrawsNothing) {
  EXPECT_THAT(ViolationsAfter([](auto& r) {
                WithBeams(r).set_length_penalty(-10.0F);
                r.mutable_beam_search()->set_groups(2);
                r.mutable_beam_search()->set_diversity_penalty(100.0F);
                r.mutable_sampling()->set_n(2);
                r.mutable_sampling()->set_temperature(0.0F);
                r.mutable_sampling()->set_seed(7);
              }),
              IsEmpty());
}

TEST(ValidationTest, AnybodyMayLowerHisPriority) {
  EXPECT_THAT(ViolationsAfter([](auto& r) { r.set_priority(-10); }), IsEmpty());
}

TEST(ValidationTest, APromptOfTooManyTokensIsKnownAtOnce) {
  v1::GenerateRequest request;
  for (std::uint32_t i = 0; i < 512; ++i) request.mutable_token_ids()->add_ids(i);
  const absl::Status status = Validate(request, Info());
  EXPECT_THAT(BadFields(ToGrpcStatus(status)), ElementsAre("token_ids.ids"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("is 512 tokens; the model's context of 512"));
  request.mutable_truncation();
  EXPECT_THAT(Validate(request, Info()), IsOk());
}

TEST(ValidationTest, ATextThatIsCertainlyTooLongIsNotTokenised) {
  ModelInfo info = Info();
  info.max_token_bytes = 10;
  v1::GenerateRequest request;
  request.set_text(std::string(5'119, 'x'));  // 511 tokens of 10 bytes, and one more
  EXPECT_THAT(Validate(request, info), IsOk());
  request.set_text(std::string(5'120, 'x'));
  const absl::Status status = Validate(request, info);
  EXPECT_THAT(BadFields(ToGrpcStatus(status)), ElementsAre("text"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("has 5120 bytes, which are at least 512 tokens"));
}

TEST(ValidationTest, NamesTheFieldThatIsWrong) {
  for (const WrongField& c : WrongFields()) {
    EXPECT_THAT(ViolationsAfter(c.change), ElementsAre(c.field)) << c.field;
  }
}

TEST(ValidationTest, FindsAllThatIsWrongAtOnce) {
  v1::GenerateRequest request;
  request.set_request_id("\t");
  request.mutable_truncation()->set_max_prompt_tokens(0);
  request.mutable_sampling()->set_temperature(std::numeric_limits<float>::quiet_NaN());
  request.mutable_sampling()->set_top_p(-1.0F);
  request.mutable_stopping()->set_max_new_tokens(0);
  request.mutable_stopping()->add_stop("");
  request.mutable_response()->set_candidates(21);
  EXPECT_THAT(Violations(request),
              ElementsAre("request_id", "prompt", "truncation.max_prompt_tokens",
                          "sampling.temperature", "sampling.top_p", "stopping.max_new_tokens",
                          "stopping.stop[0]", "response.candidates", "response.candidates"));
}

TEST(ValidationTest, SaysWhatWouldBeRight) {
  v1::GenerateRequest request = FullRequest();
  request.mutable_sampling()->set_top_p(1.5F);
  EXPECT_EQ(Validate(request, Info()).message(), "sampling.top_p: is 1.5; must be in (0, 1]");
  request.mutable_sampling()->set_top_p(1.0000001F);
  EXPECT_EQ(Validate(request, Info()).message(), "sampling.top_p: is 1.0000001; must be in (0, 1]");
  request.mutable_sampling()->set_top_p(1.0F);
  request.mutable_sampling()->set_min_p(-1e-9F);
  EXPECT_EQ(Validate(request, Info()).message(), "sampling.min_p: is -1e-09; must be in [0, 1]");
}

TEST(ValidationTest, SaysHowManyChoicesThereMayBe) {
  v1::GenerateRequest request = FullRequest();
  request.mutable_sampling()->set_n(5);
  EXPECT_EQ(Validate(request, Info()).message(),
            "sampling.n: is 5; must be from 1 to 4, this server's --max_running");
}

TEST(ValidationTest, TextsOfTokensNeedATokenizer) {
  ModelInfo info = Info();
  info.has_tokenizer = false;
  v1::GenerateRequest request;
  request.mutable_token_ids()->add_ids(1);
  request.mutable_penalties()->mutable_dry()->add_breakers(".");
  request.mutable_token_rules()->add_banned_words("king");
  EXPECT_THAT(BadFields(ToGrpcStatus(Validate(request, info))),
              ElementsAre("penalties.dry.breakers", "token_rules.banned_words"));
}

TEST(ValidationTest, CountsWrongTokensBeyondTheFirstFew) {
  v1::GenerateRequest request;
  for (int i = 0; i < 100'000; ++i) request.mutable_token_ids()->add_ids(4096);
  const absl::Status status = Validate(request, Info());
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("token_ids.ids: 99992 more ids must be below vocab_size, 4096"));
}

TEST(ValidationTest, ATextToTokeniseMayBeEmptyButNotTooLong) {
  v1::TokenizeRequest request;
  EXPECT_THAT(Validate(request), IsOk());
  request.set_text(std::string(kMaxTextBytes + 1, 'x'));
  EXPECT_THAT(BadFields(ToGrpcStatus(Validate(request))), ElementsAre("text"));
}

}  // namespace
}  // namespace cascade::server
