// SPDX-License-Identifier: Apache-2.0
// What the wire adds to a token: from the worker's OnStep to the client's Read, over loopback TCP.
//
//   BM_TokenToClient/N : N streams get one token each, as in a step of the worker, and the next
//   only when
//                        all clients have theirs and 2 ms have passed: the pace of a small model.
//     Time             : from the step's first OnStep until the last client has its token
//     p50_us, p99_us   : from one token's OnStep to its client
//     on_step_us       : of the worker's thread, for one token: what a step becomes longer by
//   BM_FlatOut/N       : N streams get 1000 tokens each as fast as OnStep returns; what gathers
//   while
//                        a write is in flight shares a message
//     tokens_per_message, on_step_us
//
//   BM_Generate/unary/N, BM_Generate/stream/N, BM_Generate/vllm/N : N clients ask the whole server,
//                        with the bundled model, for 200 tokens each: in one message, as a stream,
//                        and as a stream of vllm.grpc.engine.VllmEngine
//     decode_us        : of one step of the worker, from the answers' own timings; the difference
//                        of the first two is what streaming adds to a step
//     items_per_second : tokens
//
// The first two have no model: the benchmark's thread plays the worker.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "cascade/v1/text_generation.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/mutex.h"
#include "server/grpc/auth/authenticator.h"
#include "server/grpc/call/generation_index.h"
#include "server/grpc/call/open_calls.h"
#include "server/grpc/call/outbox.h"
#include "server/grpc/call/request_log.h"
#include "server/grpc/call/server_stream.h"
#include "server/grpc/model_info.h"
#include "server/grpc/v1/response.h"
#include "server/grpc/vllm/messages.h"
#include "server/observability/logs.h"
#include "server/server.h"
#include "tests/support/source_path.h"
#include "vllm/grpc/engine/vllm_engine.grpc.pb.h"

namespace cascade::server {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPace = std::chrono::milliseconds(2);
constexpr std::size_t kFlatOutTokens = 1000;

double Microseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

// Hands each call's generation to the benchmark instead of a worker.
class BenchService final : public v1::TextGeneration::CallbackService {
 public:
  BenchService() : tokenizer_(*model::Tokenizer::Load(testing::BundledModelFolder())) {}

  grpc::ServerWriteReactor<v1::GenerateEvent>* GenerateStream(
      grpc::CallbackServerContext* context, const v1::GenerateRequest* /*request*/) override {
    auto* call = new ServerStream<V1Encoder>({"bench", "GenerateStream"}, *context, environment_);
    Generation& generation = call->Add(Answer(GenerationRequest(), 0, /*keep_tokens=*/false), {},
                                       V1Encoder(tokenizer_, info_, Report()));
    generation.OnStarted(/*cached_tokens=*/0);
    call->Accept();
    const MutexLock lock(mu_);
    sinks_.push_back(&generation);
    return call;
  }

  std::vector<TokenSink*> sinks() {
    const MutexLock lock(mu_);
    return sinks_;
  }

 private:
  const model::Tokenizer tokenizer_;
  const ModelInfo info_;
  OpenCalls calls_;
  Outbox outbox_;
  GenerationIndex generations_;
  const RequestLog log_{/*prompts=*/false};
  const Authenticator everybody_{""};
  const CallEnvironment environment_ = {.outbox = outbox_,
                                        .calls = calls_,
                                        .generations = generations_,
                                        .observer = log_,
                                        .authenticator = everybody_,
                                        .wake_worker = [] {},
                                        .retry_after = [] { return absl::Seconds(1); },
                                        .stalled_reader_limit = absl::InfiniteDuration()};
  Mutex mu_;
  std::vector<TokenSink*> sinks_ ABSL_GUARDED_BY(mu_);
};

// One client with a thread that reads its stream.
struct Client {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<v1::GenerateEvent>> reader;
  std::thread thread;
  std::atomic<Clock::time_point> last_read = Clock::time_point();
  std::atomic<std::size_t> messages = 0;
};

// A server, and `count` streams that have begun.
class Streams {
 public:
  explicit Streams(std::size_t count) : clients_(count) {
    StartLogging({.level = LogLevel::kOff});
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::TextGeneration::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
    for (Client& client : clients_) {
      client.reader = stub_->GenerateStream(&client.context, v1::GenerateRequest());
      client.thread = std::thread([this, &client] { Read(client); });
    }
    WaitForMessages(count);  // the prompt events
    sinks_ = service_.sinks();
  }

  ~Streams() {
    for (TokenSink* sink : sinks_) {
      model::DecodingStep last = Token();
      last.finish.emplace();
      sink->OnStep(/*choice=*/0, std::move(last));
      sink->OnFinished({});
    }
    for (Client& client : clients_) client.thread.join();
    server_->Shutdown();
  }

  static model::DecodingStep Token() {
    return {
        .token = model::GeneratedToken{.id = 533, .log_probs = {}}, .text = " time", .finish = {}};
  }

  // Returns when all clients together have read this many messages.
  void WaitForMessages(std::size_t count) const {
    for (std::size_t n = messages_.load(); n < count; n = messages_.load()) messages_.wait(n);
  }

  // In the order in which the calls came, which need not be that of the clients.
  const std::vector<TokenSink*>& sinks() const { return sinks_; }
  std::vector<Client>& clients() { return clients_; }
  std::size_t messages() const { return messages_.load(); }

 private:
  void Read(Client& client) {
    v1::GenerateEvent event;
    while (client.reader->Read(&event)) {
      client.last_read = Clock::now();
      ++client.messages;
      ++messages_;
      messages_.notify_all();
    }
    (void)client.reader->Finish();
  }

  BenchService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::TextGeneration::Stub> stub_;
  std::vector<Client> clients_;
  std::vector<TokenSink*> sinks_;
  std::atomic<std::size_t> messages_ = 0;
};

double Percentile(std::vector<double>& values, double share) {
  const auto nth =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

void BM_TokenToClient(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  Streams streams(count);
  std::vector<double> latencies;
  Clock::duration on_step = {};
  std::vector<Clock::time_point> sent(count);
  for (auto _ : state) {
    const std::size_t before = streams.messages();
    const Clock::time_point begin = Clock::now();
    for (std::size_t i = 0; i < count; ++i) {
      sent[i] = Clock::now();
      streams.sinks()[i]->OnStep(/*choice=*/0, Streams::Token());
    }
    on_step += Clock::now() - begin;
    streams.WaitForMessages(before + count);
    std::vector<Clock::time_point> read;
    for (const Client& client : streams.clients()) read.push_back(client.last_read);
    std::ranges::sort(read);  // tokens arrive in the order in which they were sent, or nearly
    for (std::size_t i = 0; i < count; ++i) latencies.push_back(Microseconds(read[i] - sent[i]));
    state.SetIterationTime(std::chrono::duration<double>(read.back() - begin).count());
    std::this_thread::sleep_until(begin + kPace);
  }
  const auto tokens = static_cast<double>(latencies.size());
  state.counters["p50_us"] = Percentile(latencies, 0.5);
  state.counters["p99_us"] = Percentile(latencies, 0.99);
  state.counters["on_step_us"] = Microseconds(on_step) / tokens;
}
BENCHMARK(BM_TokenToClient)
    ->Arg(1)
    ->Arg(32)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond)
    ->Iterations(1000);

void BM_FlatOut(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  double tokens = 0;
  double messages = 0;
  Clock::duration on_step = {};
  for (auto _ : state) {
    Streams streams(count);
    const std::size_t before = streams.messages();
    const Clock::time_point begin = Clock::now();
    for (std::size_t token = 0; token < kFlatOutTokens; ++token) {
      for (TokenSink* sink : streams.sinks()) sink->OnStep(/*choice=*/0, Streams::Token());
    }
    const Clock::duration took = Clock::now() - begin;
    on_step += took;
    tokens += static_cast<double>(kFlatOutTokens * count);
    messages += static_cast<double>(streams.messages() - before);
    state.SetIterationTime(std::chrono::duration<double>(took).count());
  }
  state.counters["on_step_us"] = Microseconds(on_step) / tokens;
  state.counters["tokens_per_message"] = tokens / messages;
}
BENCHMARK(BM_FlatOut)->Arg(1)->Arg(32)->UseManualTime()->Unit(benchmark::kMillisecond);

// A whole server on a free port.
class WholeServer {
 public:
  WholeServer() : server_(BenchOptions()) {
    StartLogging({.level = LogLevel::kOff});
    if (!server_.Listen().ok() || !server_.LoadModel().ok()) std::abort();
    server_.StartServing();
    const auto channel = grpc::CreateChannel(server_.address(), grpc::InsecureChannelCredentials());
    stub_ = v1::TextGeneration::NewStub(channel);
    vllm_ = engine_pb::VllmEngine::NewStub(channel);
  }

  v1::TextGeneration::Stub& stub() { return *stub_; }
  engine_pb::VllmEngine::Stub& vllm() { return *vllm_; }

 private:
  static Options BenchOptions() {
    Options options;
    options.model = testing::BundledModelFolder();
    options.model_name = "tales-7m";
    options.listen.addresses = {"127.0.0.1:0"};
    return options;
  }

  Server server_;
  std::unique_ptr<v1::TextGeneration::Stub> stub_;
  std::unique_ptr<engine_pb::VllmEngine::Stub> vllm_;
};

constexpr std::uint32_t kTokens = 200;

// Microseconds of a step's decoding, as the answer tells.
double DecodeOf(const v1::Summary& summary) {
  const google::protobuf::Duration& decode = summary.timings().decode();
  return (static_cast<double>(decode.seconds()) * 1e6 + decode.nanos() * 1e-3) / (kTokens - 1);
}

v1::GenerateRequest NativeRequest() {
  v1::GenerateRequest request;
  request.set_text("Once upon a time");
  request.mutable_sampling()->set_temperature(0.0F);
  request.mutable_stopping()->set_max_new_tokens(kTokens);
  request.mutable_stopping()->set_ignore_eos(true);
  return request;
}

double Unary(WholeServer& server) {
  grpc::ClientContext context;
  v1::GenerateResponse response;
  (void)server.stub().Generate(&context, NativeRequest(), &response);
  return DecodeOf(response.summary());
}

double Stream(WholeServer& server) {
  grpc::ClientContext context;
  const auto reader = server.stub().GenerateStream(&context, NativeRequest());
  v1::GenerateEvent event;
  v1::Summary summary;
  while (reader->Read(&event)) {
    if (event.has_summary()) summary = event.summary();
  }
  (void)reader->Finish();
  return DecodeOf(summary);
}

// VllmEngine tells no timings.
double VllmStream(WholeServer& server) {
  engine_pb::GenerateRequest request;
  request.set_text("Once upon a time");
  request.set_stream(true);
  request.mutable_sampling_params()->set_temperature(0.0F);
  request.mutable_sampling_params()->set_max_tokens(kTokens);
  request.mutable_sampling_params()->set_ignore_eos(true);
  grpc::ClientContext context;
  const auto reader = server.vllm().Generate(&context, request);
  engine_pb::GenerateResponse response;
  while (reader->Read(&response)) {
  }
  if (!reader->Finish().ok()) std::abort();
  return 0;
}

void BM_Generate(benchmark::State& state, double (*ask)(WholeServer&)) {
  WholeServer server;
  const auto count = static_cast<std::size_t>(state.range(0));
  double decode_us = 0;
  for (auto _ : state) {
    std::vector<double> decodes(count);
    std::vector<std::thread> clients;
    for (double& decode : decodes) {
      clients.emplace_back([&server, &decode, ask] { decode = ask(server); });
    }
    for (std::thread& client : clients) client.join();
    for (const double decode : decodes) decode_us += decode / static_cast<double>(count);
  }
  state.counters["decode_us"] = decode_us / static_cast<double>(state.iterations());
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * kTokens * state.range(0));
}
BENCHMARK_CAPTURE(BM_Generate, unary, Unary)
    ->Arg(1)
    ->Arg(32)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Generate, stream, Stream)
    ->Arg(1)
    ->Arg(32)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Generate, vllm, VllmStream)
    ->Arg(1)
    ->Arg(32)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cascade::server

BENCHMARK_MAIN();
