// SPDX-License-Identifier: Apache-2.0
// The metrics of a server that has had traffic which the test knows.
#include "server/monitoring.h"

#include <map>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/worker.h"
#include "tests/server/metrics/http_get.h"
#include "tests/server/metrics/series.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::GenerateStream;
using ::cascade::testing::HttpAnswer;
using ::cascade::testing::HttpAsk;
using ::cascade::testing::kEndless;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Request;
using ::cascade::testing::SeriesOf;
using ::cascade::testing::Served;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class MonitoringTest : public ::testing::Test {
 protected:
  HttpAnswer Get(const std::string& path) {
    return HttpAsk(served_.server().metrics_address(), "GET " + path + " HTTP/1.1");
  }
  std::map<std::string, double> Scrape() { return SeriesOf(Get("/metrics").body); }

  ModelFolder folder_;
  Served served_{folder_.path(), [](Options& options) {
                   options.metrics_address = "127.0.0.1:0";
                   options.metrics_under_vllm_names = true;
                   options.worker.speculate = false;
                 }};
};

std::string Calls(const std::string& code, const std::string& method) {
  return "cascade_calls_total{code=\"" + code + "\",method=\"" + method +
         "\",service=\"cascade.v1.TextGeneration\"}";
}

TEST_F(MonitoringTest, EverySeriesIsWhatTheTrafficWas) {
  // Two answers of 5 and 7 tokens to prompts of 4, one call of another method, two refusals.
  ASSERT_TRUE(GenerateStream(served_.stub(), Request(5)).status.ok());
  v1::GenerateResponse response;
  grpc::ClientContext generate;
  ASSERT_TRUE(served_.stub().Generate(&generate, Request(7), &response).ok());
  v1::TokenizeRequest text;
  text.set_text("a");
  v1::TokenizeResponse tokens;
  grpc::ClientContext tokenize;
  ASSERT_TRUE(served_.stub().Tokenize(&tokenize, text, &tokens).ok());
  EXPECT_FALSE(GenerateStream(served_.stub(), v1::GenerateRequest()).status.ok());
  v1::DetokenizeRequest no_ids;
  no_ids.add_token_ids(1'000'000);
  v1::DetokenizeResponse none;
  grpc::ClientContext detokenize;
  EXPECT_FALSE(served_.stub().Detokenize(&detokenize, no_ids, &none).ok());
  served_.DrainAll();

  std::map<std::string, double> series = Scrape();
  while (series["cascade_call_memory_bytes"] > 0) series = Scrape();  // gRPC has yet to end a call
  series = Scrape();
  const std::map<std::string, double> expected = {
      {Calls("OK", "GenerateStream"), 1},
      {Calls("OK", "Generate"), 1},
      {Calls("OK", "Tokenize"), 1},
      {Calls("INVALID_ARGUMENT", "GenerateStream"), 1},
      {Calls("INVALID_ARGUMENT", "Detokenize"), 1},
      {"cascade_requests_failed_total{code=\"INVALID_ARGUMENT\",stage=\"admission\"}", 1},
      {"cascade_choices_finished_total{reason=\"max_tokens\"}", 2},
      {"cascade_time_to_first_token_seconds_count", 2},
      {"cascade_request_queue_seconds_count", 2},
      {"cascade_request_prefill_seconds_count", 2},
      {"cascade_request_decode_seconds_count", 2},
      {"cascade_request_duration_seconds_count", 2},
      {"cascade_request_duration_seconds_bucket{le=\"+Inf\"}", 2},
      {"cascade_request_prompt_tokens_sum", 8},
      {"cascade_request_generated_tokens_sum", 12},
      {"cascade_request_generated_tokens_bucket{le=\"4\"}", 0},
      {"cascade_request_generated_tokens_bucket{le=\"8\"}", 2},
      {"cascade_prompt_tokens_total", 8},
      {"cascade_cached_tokens_total", 0},
      {"cascade_generated_tokens_total", 12},
      {"cascade_drafted_tokens_total", 0},
      {"cascade_accepted_tokens_total", 0},
      {"cascade_recomputed_tokens_total", 0},
      {"cascade_steps_total", 12},  // each prompt's only chunk gives the first token
      {"cascade_step_duration_seconds_count", 12},
      {"cascade_step_rows_sum", 4 + 4 + 4 + 6},
      {"cascade_time_between_tokens_seconds_count", 4 + 6},
      {"cascade_preemptions_total", 0},
      {"cascade_stalls_total", 0},
      {"cascade_sequences_running", 0},
      {"cascade_sequences_stalled", 0},
      {"cascade_sequences_preempted", 0},
      {"cascade_requests_waiting", 0},
      {"cascade_tokens_waiting", 0},
      {"cascade_kv_cache_blocks_used", 0},
      {"cascade_kv_cache_usage_ratio", 0},
      {"cascade_ready", 0},  // drained
      {"cascade_connections", 1},
      {"vllm:generation_tokens_total{model_name=\"test\"}", 12},
      {"vllm:request_success_total{finished_reason=\"length\",model_name=\"test\"}", 2},
      {"vllm:time_to_first_token_seconds_count{model_name=\"test\"}", 2},
  };
  for (const auto& [name, value] : expected) {
    ASSERT_TRUE(series.contains(name)) << name;
    EXPECT_EQ(series[name], value) << name;
  }
  EXPECT_EQ(series["cascade_kv_cache_blocks"],
            static_cast<double>(served_.server().backend().worker.stats().total_blocks));
  EXPECT_GT(series["process_resident_memory_bytes"], 0);
  EXPECT_GT(series["process_cpu_seconds_total"], 0);
  EXPECT_GT(series["process_open_fds"], 0);
}

TEST_F(MonitoringTest, GaugesShowWhatRuns) {
  grpc::ClientContext context;
  const auto reader = served_.stub().GenerateStream(&context, Request(kEndless));
  v1::GenerateEvent event;
  while (!event.has_delta() && reader->Read(&event)) {
  }
  std::map<std::string, double> series = Scrape();
  EXPECT_EQ(series["cascade_sequences_running"], 1);
  EXPECT_GT(series["cascade_kv_cache_blocks_used"], 0);
  EXPECT_GT(series["cascade_call_memory_bytes"], 0);
  EXPECT_EQ(series["cascade_ready"], 1);
  context.TryCancel();
  EXPECT_FALSE(reader->Finish().ok());
  const std::string failed = "cascade_requests_failed_total{code=\"CANCELLED\",stage=\"decode\"}";
  while (series[failed] == 0) series = Scrape();
  EXPECT_EQ(series[failed], 1);
  EXPECT_EQ(series["cascade_sequences_running"], 0);
}

TEST_F(MonitoringTest, ReadinessEndsWithTheDrainAndLivenessDoesNot) {
  EXPECT_THAT(Get("/readyz").head, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get("/healthz").head, StartsWith("HTTP/1.1 200"));
  served_.DrainAll();
  EXPECT_THAT(Get("/readyz").head, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(Get("/healthz").head, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get("/metrics").head, HasSubstr("text/plain; version=0.0.4"));
}

TEST(MonitoringWithoutAModelTest, TellsThatItLoads) {
  const ModelFolder folder;
  Options options = testing::TestOptions(folder.path());
  options.metrics_address = "127.0.0.1:0";
  Server server(options);
  ASSERT_TRUE(server.Listen().ok());
  const HttpAnswer ready = HttpAsk(server.metrics_address(), "GET /readyz HTTP/1.1");
  EXPECT_THAT(ready.head, StartsWith("HTTP/1.1 503"));
  std::map<std::string, double> series =
      SeriesOf(HttpAsk(server.metrics_address(), "GET /metrics HTTP/1.1").body);
  EXPECT_EQ(series["cascade_ready"], 0);
  EXPECT_FALSE(series.contains("cascade_steps_total"));
  // The address is in use now.
  Options second = options;
  second.metrics_address = server.metrics_address();
  EXPECT_THAT(std::string(Server(second).Listen().message()), HasSubstr("Address already in use"));
}

}  // namespace
}  // namespace cascade::server
