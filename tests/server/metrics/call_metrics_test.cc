// SPDX-License-Identifier: Apache-2.0

#include "server/metrics/call_metrics.h"

#include <map>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/grpc/call/answer.h"
#include "server/grpc/call/correlation.h"
#include "tests/server/metrics/series.h"

namespace cascade::server {
namespace {

constexpr MethodName kMethod = {"some.Service", "Method"};

model::DecodingStep Token() {
  return {.token = model::GeneratedToken{.id = 1, .log_probs = std::nullopt},
          .text = "a",
          .finish = {}};
}

model::DecodingStep Last(model::FinishReason reason) {
  model::DecodingStep step = Token();
  step.finish = model::Finish{.reason = reason, .matched_stop = {}, .matched_token = {}};
  return step;
}

class CallMetricsTest : public ::testing::Test {
 protected:
  static Answer NewAnswer() {
    GenerationRequest request;
    request.prompt = {1, 2, 3};
    return {request, /*truncated_tokens=*/0, /*keep_tokens=*/false};
  }

  void End(const Answer& answer, const absl::Status& status) {
    metrics_.OnGenerationEnd({.call = call_,
                              .correlation = Correlation(),
                              .tenant = nullptr,
                              .submitted = call_.begun,
                              .answer = answer,
                              .status = status});
  }

  void EndCall(const absl::Status& status) {
    metrics_.OnCallEnd({.call = call_, .correlation = Correlation(), .status = status});
  }

  std::map<std::string, double> Series() const { return testing::SeriesOf(metrics_.Collect()); }

  const BegunCall call_{kMethod};
  CallMetrics metrics_;
};

TEST_F(CallMetricsTest, CountsCallsByMethodAndCode) {
  EndCall(absl::OkStatus());
  EndCall(absl::OkStatus());
  EndCall(absl::CancelledError("x"));
  std::map<std::string, double> series = Series();
  const std::string rest = R"(",method="Method",service="some.Service"})";
  EXPECT_EQ(series["cascade_calls_total{code=\"OK" + rest], 2);
  EXPECT_EQ(series["cascade_calls_total{code=\"CANCELLED" + rest], 1);
}

TEST_F(CallMetricsTest, MeasuresWhatFinished) {
  Answer answer = NewAnswer();
  answer.Start(0);
  answer.Add(0, Token());
  answer.Add(0, Last(model::FinishReason::kMaxTokens));
  answer.Finish(
      {.timings = {
           .queue = absl::Seconds(1), .prefill = absl::Seconds(2), .decode = absl::Seconds(4)}});
  End(answer, absl::OkStatus());
  std::map<std::string, double> series = Series();
  EXPECT_EQ(series["cascade_choices_finished_total{reason=\"max_tokens\"}"], 1);
  EXPECT_EQ(series["cascade_time_to_first_token_seconds_sum"], 3);
  EXPECT_EQ(series["cascade_time_to_first_token_seconds_bucket{le=\"2\"}"], 0);
  EXPECT_EQ(series["cascade_time_to_first_token_seconds_bucket{le=\"5\"}"], 1);
  EXPECT_EQ(series["cascade_time_to_first_token_seconds_bucket{le=\"+Inf\"}"], 1);
  EXPECT_EQ(series["cascade_request_queue_seconds_sum"], 1);
  EXPECT_EQ(series["cascade_request_prefill_seconds_sum"], 2);
  EXPECT_EQ(series["cascade_request_decode_seconds_sum"], 4);
  EXPECT_EQ(series["cascade_request_duration_seconds_sum"], 7);
  EXPECT_EQ(series["cascade_request_prompt_tokens_sum"], 3);
  EXPECT_EQ(series["cascade_request_generated_tokens_sum"], 2);
}

TEST_F(CallMetricsTest, SaysHowFarARequestHadComeThatFailed) {
  const absl::Status cancelled = absl::CancelledError("x");
  const auto failed = [this](absl::string_view stage) {
    return Series()[absl::StrCat("cascade_requests_failed_total{code=\"CANCELLED\",stage=\"", stage,
                                 "\"}")];
  };
  Answer answer = NewAnswer();
  answer.Fail(cancelled);
  End(answer, cancelled);
  EXPECT_EQ(failed("queue"), 1);
  answer.Start(0);
  End(answer, cancelled);
  EXPECT_EQ(failed("prefill"), 1);
  answer.Add(0, Token());
  End(answer, cancelled);
  EXPECT_EQ(failed("decode"), 1);
  answer.Add(0, Last(model::FinishReason::kEos));
  answer.Finish({});
  End(answer, cancelled);
  EXPECT_EQ(failed("delivery"), 1);
  EXPECT_EQ(Series()["cascade_choices_finished_total{reason=\"eos\"}"], 1);
  EXPECT_EQ(Series()["cascade_request_duration_seconds_count"], 0);
  metrics_.OnRefused({.method = kMethod,
                      .correlation = Correlation(),
                      .tenant = nullptr,
                      .request_id = "",
                      .status = cancelled});
  EXPECT_EQ(failed("admission"), 1);
}

TEST_F(CallMetricsTest, ARequestWhoseTimeWasUpInTheQueueHadNoFirstToken) {
  Answer answer = NewAnswer();
  model::DecodingStep step = Last(model::FinishReason::kTimeLimit);
  step.token.reset();
  answer.Add(0, step);
  answer.Finish({.timings = {.queue = absl::Seconds(9), .prefill = {}, .decode = {}}});
  End(answer, absl::OkStatus());
  std::map<std::string, double> series = Series();
  EXPECT_EQ(series["cascade_choices_finished_total{reason=\"time_limit\"}"], 1);
  EXPECT_EQ(series["cascade_request_queue_seconds_sum"], 9);
  EXPECT_EQ(series["cascade_time_to_first_token_seconds_count"], 0);
}

}  // namespace
}  // namespace cascade::server
