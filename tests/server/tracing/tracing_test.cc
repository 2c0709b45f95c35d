// SPDX-License-Identifier: Apache-2.0
// The traces of a server, as a collector receives them over a socket.
#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.grpc.pb.h"
#include "tests/server/metrics/http_get.h"
#include "tests/server/metrics/series.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

namespace otlp = opentelemetry::proto::collector::trace::v1;
using ::cascade::testing::GenerateStream;
using ::cascade::testing::HttpAsk;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Request;
using ::cascade::testing::SeriesOf;
using ::cascade::testing::Served;

using ::testing::HasSubstr;

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kParent[] = "00f067aa0ba902b7";

class Collector final : public otlp::TraceService::Service {
 public:
  Collector() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }

  OtlpEndpoint endpoint() const { return {.target = absl::StrCat("127.0.0.1:", port_)}; }

  grpc::Status Export(grpc::ServerContext* /*context*/,
                      const otlp::ExportTraceServiceRequest* request,
                      otlp::ExportTraceServiceResponse* /*response*/) override {
    const std::lock_guard lock(mu_);
    for (const auto& of_resource : request->resource_spans()) {
      resource_ = of_resource.resource();
      for (const auto& of_scope : of_resource.scope_spans()) {
        spans_.insert(spans_.end(), of_scope.spans().begin(), of_scope.spans().end());
      }
    }
    return grpc::Status::OK;
  }

  // Once the server has ended.
  const std::vector<Span>& spans() const { return spans_; }
  const opentelemetry::proto::resource::v1::Resource& resource() const { return resource_; }

 private:
  int port_ = 0;
  std::mutex mu_;
  std::vector<Span> spans_;
  opentelemetry::proto::resource::v1::Resource resource_;
  std::unique_ptr<grpc::Server> server_;
};

// Values as text.
template <typename Owner>
std::map<std::string, std::string> AttributesOf(const Owner& owner) {
  std::map<std::string, std::string> values;
  for (const auto& attribute : owner.attributes()) {
    const auto& value = attribute.value();
    std::string& text = values[attribute.key()];
    if (value.has_string_value()) text = value.string_value();
    if (value.has_int_value()) text = absl::StrCat(value.int_value());
    for (const auto& element : value.array_value().values()) text += element.string_value() + ";";
  }
  return values;
}

class TracingTest : public ::testing::Test {
 protected:
  // A call with these tokens, for which the caller sends this traceparent if there is one.
  grpc::Status Generate(std::uint32_t tokens, const std::string& traceparent = "") {
    grpc::ClientContext context;
    if (!traceparent.empty()) context.AddMetadata("traceparent", traceparent);
    v1::GenerateResponse response;
    v1::GenerateRequest request = Request(tokens);
    request.set_request_id("mine");
    return served_->stub().Generate(&context, request, &response);
  }

  // Ends the server; then the collector has all.
  void End() { served_.reset(); }

  const Span& SpanNamed(const std::string& name) {
    const auto found = std::find_if(collector_.spans().begin(), collector_.spans().end(),
                                    [&](const Span& span) { return span.name() == name; });
    static const Span none;
    if (found != collector_.spans().end()) return *found;
    ADD_FAILURE() << "no span " << name;
    return none;
  }

  Collector collector_;
  ModelFolder folder_;
  std::unique_ptr<Served> served_ = std::make_unique<Served>(folder_.path(), [this](Options& o) {
    o.tracing.endpoint = collector_.endpoint();
    o.metrics_address = "127.0.0.1:0";
  });
};

TEST_F(TracingTest, ACallsSpansStandBelowItsCallersAndSayWhereItsTimeWent) {
  ASSERT_TRUE(Generate(5, absl::StrCat("00-", kTrace, "-", kParent, "-01")).ok());
  End();
  ASSERT_EQ(collector_.spans().size(), 5U);
  for (const Span& span : collector_.spans()) {
    EXPECT_EQ(absl::BytesToHexString(span.trace_id()), kTrace);
    EXPECT_EQ(span.span_id().size(), 8U);
    EXPECT_FALSE(span.has_status()) << span.name();
    EXPECT_LE(span.start_time_unix_nano(), span.end_time_unix_nano());
  }
  const Span& call = SpanNamed("cascade.v1.TextGeneration/Generate");
  EXPECT_EQ(absl::BytesToHexString(call.parent_span_id()), kParent);
  EXPECT_EQ(call.kind(), Span::SPAN_KIND_SERVER);
  std::map<std::string, std::string> of_call = AttributesOf(call);
  EXPECT_EQ(of_call["rpc.system"], "grpc");
  EXPECT_EQ(of_call["rpc.service"], "cascade.v1.TextGeneration");
  EXPECT_EQ(of_call["rpc.method"], "Generate");
  EXPECT_EQ(of_call["rpc.grpc.status_code"], "0");
  EXPECT_THAT(of_call["network.peer.address"], HasSubstr("127.0.0.1"));

  const Span& generation = SpanNamed("text_completion test");
  EXPECT_EQ(generation.parent_span_id(), call.span_id());
  std::map<std::string, std::string> of_generation = AttributesOf(generation);
  EXPECT_EQ(of_generation["gen_ai.response.id"], "mine");
  EXPECT_EQ(of_generation["gen_ai.usage.input_tokens"], "4");
  EXPECT_EQ(of_generation["gen_ai.usage.output_tokens"], "5");
  EXPECT_EQ(of_generation["gen_ai.response.finish_reasons"], "max_tokens;");

  // One part begins where the part before it ends.
  const Span& queue = SpanNamed("queue");
  const Span& prefill = SpanNamed("prefill");
  const Span& decode = SpanNamed("decode");
  for (const Span* part : {&queue, &prefill, &decode}) {
    EXPECT_EQ(part->parent_span_id(), generation.span_id());
  }
  EXPECT_EQ(queue.start_time_unix_nano(), generation.start_time_unix_nano());
  EXPECT_EQ(prefill.start_time_unix_nano(), queue.end_time_unix_nano());
  EXPECT_EQ(decode.start_time_unix_nano(), prefill.end_time_unix_nano());
  EXPECT_EQ(decode.end_time_unix_nano(), generation.end_time_unix_nano());
  EXPECT_EQ(AttributesOf(collector_.resource())["service.name"], "cascade");
}

TEST_F(TracingTest, TracesNothingThatItsCallerDoesNotTrace) {
  ASSERT_TRUE(Generate(2, absl::StrCat("00-", kTrace, "-", kParent, "-00")).ok());
  End();
  EXPECT_TRUE(collector_.spans().empty());
}

TEST_F(TracingTest, ARequestThatIsRefusedHasASpanThatSaysWhy) {
  ASSERT_FALSE(GenerateStream(served_->stub(), v1::GenerateRequest()).status.ok());
  End();
  ASSERT_EQ(collector_.spans().size(), 1U);
  const Span& call = SpanNamed("cascade.v1.TextGeneration/GenerateStream");
  EXPECT_EQ(call.parent_span_id(), "");
  EXPECT_EQ(call.status().code(), opentelemetry::proto::trace::v1::Status::STATUS_CODE_ERROR);
  EXPECT_THAT(call.status().message(), HasSubstr("text"));
  EXPECT_EQ(AttributesOf(call)["error.type"], "INVALID_ARGUMENT");
}

TEST_F(TracingTest, CallsOfOtherMethodsHaveSpansToo) {
  v1::TokenizeRequest text;
  text.set_text("a");
  v1::TokenizeResponse tokens;
  grpc::ClientContext context;
  ASSERT_TRUE(served_->stub().Tokenize(&context, text, &tokens).ok());
  End();
  EXPECT_EQ(collector_.spans().size(), 1U);
  EXPECT_EQ(SpanNamed("cascade.v1.TextGeneration/Tokenize").kind(), Span::SPAN_KIND_SERVER);
}

TEST(TracingWithoutACollectorTest, CallsAreAnsweredAndTheMetricsSayWhatWasDropped) {
  const ModelFolder folder;
  Served served(folder.path(), [](Options& options) {
    options.tracing.endpoint = {.target = "127.0.0.1:1"};  // nobody listens there
    options.metrics_address = "127.0.0.1:0";
  });
  EXPECT_TRUE(GenerateStream(served.stub(), Request(3)).status.ok());
  std::map<std::string, double> series =
      SeriesOf(HttpAsk(served.server().metrics_address(), "GET /metrics HTTP/1.1").body);
  EXPECT_EQ(series.at("cascade_trace_spans_exported_total"), 0);
  EXPECT_EQ(series.count("cascade_trace_spans_dropped_total"), 1U);
}

}  // namespace
}  // namespace cascade::server
