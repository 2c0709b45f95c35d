// SPDX-License-Identifier: Apache-2.0
// An answer whose stream broke off, resumed on another server, over loopback TCP.
#include <cstdint>
#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::BadFields;
using ::cascade::testing::GenerateStream;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Request;
using ::cascade::testing::Served;
using ::cascade::testing::Stream;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint32_t kTokens = 24;

class ResumeTest : public ::testing::Test {
 protected:
  // With what a client may look at in an answer.
  static v1::GenerateRequest Sampled() {
    v1::GenerateRequest request = Request(kTokens);
    request.mutable_sampling()->set_temperature(1.1F);
    request.mutable_penalties()->set_presence(0.5F);
    request.mutable_penalties()->set_no_repeat_ngram_size(3);
    request.mutable_response()->set_token_ids(true);
    request.mutable_response()->set_logprobs(true);
    request.mutable_response()->set_candidates(2);
    request.mutable_response()->set_bytes(true);
    return request;
  }

  // `request`, of which `seed` was told, with the first `had` tokens of its answer.
  static v1::GenerateRequest Resume(v1::GenerateRequest request, const Stream& whole, int had) {
    request.mutable_sampling()->set_seed(whole.events.front().prompt().seed());
    const v1::Delta answer = whole.Answer();
    for (int i = 0; i < had; ++i) request.mutable_resume()->add_token_ids(answer.token_ids(i));
    return request;
  }

  // Bytes of the first `had` tokens.
  static std::size_t BytesOf(const v1::Delta& answer, int had) {
    std::size_t bytes = 0;
    for (int i = 0; i < had; ++i) bytes += answer.logprobs(i).token().size();
    return bytes;
  }

  // That what resumes the first `had` tokens of `whole` is the rest of it. Of their text, at most
  // `held_back` bytes had not been told.
  void CheckResumed(const v1::GenerateRequest& request, const Stream& whole, int had,
                    std::size_t held_back = 0) {
    SCOPED_TRACE(had);
    const Stream rest = GenerateStream(other_.stub(), Resume(request, whole, had));
    ASSERT_TRUE(rest.status.ok()) << rest.status.error_message();
    const v1::Delta expected = whole.Answer();
    const v1::Delta added = rest.Answer();
    ASSERT_EQ(added.token_ids_size(), expected.token_ids_size() - had);
    for (int i = 0; i < added.token_ids_size(); ++i) {
      EXPECT_EQ(added.token_ids(i), expected.token_ids(had + i));
      EXPECT_EQ(added.logprobs(i).SerializeAsString(),
                expected.logprobs(had + i).SerializeAsString());
    }
    EXPECT_THAT(expected.text(), EndsWith(added.text()));
    const std::size_t told = expected.text().size() - added.text().size();
    EXPECT_LE(told, BytesOf(expected, had));
    const bool has_more = added.token_ids_size() > 0;
    EXPECT_TRUE(!has_more || told + held_back >= BytesOf(expected, had)) << told;

    const std::size_t end = whole.events.size();
    const std::size_t rest_end = rest.events.size();
    EXPECT_EQ(rest.events[rest_end - 2].SerializeAsString(),
              whole.events[end - 2].SerializeAsString());  // the finish
    const v1::Usage& usage = rest.events[rest_end - 1].summary().usage();
    EXPECT_EQ(usage.generated_tokens(), whole.events[end - 1].summary().usage().generated_tokens());
    EXPECT_EQ(usage.prompt_tokens(), whole.events[end - 1].summary().usage().prompt_tokens());
  }

  ModelFolder folder_;
  Served one_{folder_.path()};
  Served other_{folder_.path()};
};

TEST_F(ResumeTest, FromEachTokenOnItIsAsIfNothingHadHappened) {
  v1::GenerateRequest request = Sampled();
  request.mutable_sampling()->set_seed(
      3);  // whose text has no U+FFFD, which is longer than its byte
  const Stream whole = GenerateStream(one_.stub(), request);
  ASSERT_TRUE(whole.status.ok());
  ASSERT_THAT(whole.Answer().text(), Not(HasSubstr("\xef\xbf\xbd")));
  ASSERT_EQ(whole.Answer().token_ids_size(), static_cast<int>(kTokens));
  for (int had = 0; had <= whole.Answer().token_ids_size(); ++had) {
    CheckResumed(request, whole, had);
  }
}

// A stop string that begins before the break and ends behind it, and text that is held back there.
TEST_F(ResumeTest, StopStringsMayStraddleTheBreak) {
  constexpr std::size_t kStopBytes = 12;
  v1::GenerateRequest request = Request(kTokens);
  request.mutable_response()->set_token_ids(true);
  request.mutable_response()->set_logprobs(true);
  request.mutable_response()->set_bytes(true);
  const std::string text = GenerateStream(one_.stub(), request).Answer().text();
  ASSERT_GT(text.size(), 8 + kStopBytes);
  request.mutable_stopping()->add_stop(text.substr(8, kStopBytes));
  const Stream whole = GenerateStream(one_.stub(), request);
  const v1::Finish& finish = whole.events[whole.events.size() - 2].finish();
  ASSERT_EQ(finish.reason(), v1::FINISH_REASON_STOP_STRING);
  for (int had = 0; had <= whole.Answer().token_ids_size(); ++had) {
    CheckResumed(request, whole, had, kStopBytes);
  }
}

TEST_F(ResumeTest, AConstraintGoesOnWhereItWas) {
  v1::GenerateRequest request = Sampled();
  request.mutable_penalties()->clear_no_repeat_ngram_size();
  request.mutable_constraint()->set_regex("( [a-z]+){3,9}\\.");
  const Stream whole = GenerateStream(one_.stub(), request);
  ASSERT_TRUE(whole.status.ok()) << whole.status.error_message();
  for (int had = 0; had <= whole.Answer().token_ids_size(); ++had) {
    CheckResumed(request, whole, had);
  }
  v1::GenerateRequest other = Resume(request, whole, 3);
  other.mutable_constraint()->set_regex("[0-9]+");
  const Stream refused = GenerateStream(other_.stub(), other);
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(refused.status.error_message(), HasSubstr("none that the constraint allows"));
}

// Each choice of several, by its own seed.
TEST_F(ResumeTest, EachChoiceIsResumedByItself) {
  v1::GenerateRequest request = Sampled();
  request.mutable_sampling()->set_n(3);
  grpc::ClientContext context;
  v1::GenerateResponse whole;
  ASSERT_TRUE(one_.stub().Generate(&context, request, &whole).ok());
  for (int i = 0; i < 3; ++i) {
    v1::GenerateRequest one = request;
    one.mutable_sampling()->set_n(1);
    one.mutable_sampling()->set_seed(whole.prompt().seed() + static_cast<std::uint64_t>(i));
    for (int t = 0; t < 10; ++t) one.mutable_resume()->add_token_ids(whole.choices(i).token_ids(t));
    const Stream rest = GenerateStream(other_.stub(), one);
    ASSERT_TRUE(rest.status.ok()) << rest.status.error_message();
    const v1::Delta added = rest.Answer();
    ASSERT_EQ(added.token_ids_size(), whole.choices(i).token_ids_size() - 10);
    for (int t = 0; t < added.token_ids_size(); ++t) {
      EXPECT_EQ(added.logprobs(t).SerializeAsString(),
                whole.choices(i).logprobs(t + 10).SerializeAsString());
    }
  }
}

TEST_F(ResumeTest, AServerOfAnotherFingerprintRefuses) {
  v1::GenerateRequest request = Request(kTokens);
  request.mutable_response()->set_token_ids(true);
  const Stream whole = GenerateStream(one_.stub(), request);
  const v1::PromptInfo& prompt = whole.events.front().prompt();
  EXPECT_EQ(prompt.fingerprint(), whole.events.back().summary().fingerprint());
  request = Resume(request, whole, 3);
  request.mutable_resume()->set_fingerprint(prompt.fingerprint());
  EXPECT_TRUE(GenerateStream(other_.stub(), request).status.ok());
  request.mutable_resume()->set_fingerprint("0123");
  const grpc::Status refused = GenerateStream(other_.stub(), request).status;
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr(prompt.fingerprint()));
}

TEST_F(ResumeTest, NamesWhatCannotGoWithIt) {
  const auto refused = [this](const std::function<void(v1::GenerateRequest&)>& change) {
    v1::GenerateRequest request = Request(kTokens);
    request.mutable_sampling()->set_seed(1);
    request.mutable_resume()->add_token_ids(5);
    change(request);
    const Stream stream = GenerateStream(one_.stub(), request);
    EXPECT_EQ(stream.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return BadFields(stream.status);
  };
  EXPECT_THAT(refused([](auto& request) { request.mutable_sampling()->clear_seed(); }),
              ElementsAre("sampling.seed"));
  EXPECT_THAT(refused([](auto& request) { request.mutable_sampling()->set_n(2); }),
              ElementsAre("sampling.n"));
  EXPECT_THAT(
      refused([](auto& request) { request.mutable_sampling()->mutable_best_of()->set_choices(2); }),
      ElementsAre("sampling.best_of"));
  EXPECT_THAT(refused([](auto& request) { request.mutable_beam_search()->set_width(2); }),
              ElementsAre("beam_search"));
  EXPECT_THAT(refused([](auto& request) { request.mutable_response()->set_prompt_logprobs(true); }),
              ElementsAre("response.prompt_logprobs"));
  EXPECT_THAT(refused([](auto& request) { request.mutable_resume()->set_token_ids(0, 1U << 30); }),
              ElementsAre("resume.token_ids[0]"));
  EXPECT_THAT(refused([](auto& request) {
                for (int i = 0; i < 30; ++i) request.mutable_resume()->add_token_ids(5);
              }),
              ElementsAre("resume.token_ids"));
  EXPECT_THAT(refused([](auto& request) {
                for (int i = 0; i < 9000; ++i) request.mutable_resume()->add_token_ids(5);
              }),
              ElementsAre("resume.token_ids"));
}

}  // namespace
}  // namespace cascade::server
