// SPDX-License-Identifier: Apache-2.0

#include "tests/hostile/bystanders.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"

namespace cascade::testing {
namespace {

using std::chrono::steady_clock;

constexpr absl::Duration kBetweenProbes = absl::Milliseconds(5);

// No call takes so long: one that gets here was left without a status.
constexpr std::chrono::seconds kLastResort{60};

void Append(const v1::Delta& delta, v1::Delta& answer) {
  answer.mutable_text()->append(delta.text());
  answer.mutable_token_ids()->MergeFrom(delta.token_ids());
  answer.mutable_logprobs()->MergeFrom(delta.logprobs());
}

// Makes a call and puts the deltas together into `answer`. Adds to `gaps`, and returns how the call
// ended.
grpc::Status Ask(v1::TextGeneration::Stub& stub, const v1::GenerateRequest& request,
                 v1::Delta& answer, Latencies& gaps) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kLastResort);
  auto last = steady_clock::now();
  const auto add_gap = [&] {
    const auto now = steady_clock::now();
    gaps.push_back(now - last);
    last = now;
  };
  const auto reader = stub.GenerateStream(&context, request);
  for (v1::GenerateEvent event; reader->Read(&event);) {
    add_gap();
    Append(event.delta(), answer);
  }
  grpc::Status status = reader->Finish();
  add_gap();
  return status;
}

// True for what a client sees when its stream is reset or its connection closed.
bool IsCut(const grpc::Status& status) {
  return status.error_code() == grpc::UNAVAILABLE ||
         status.error_code() == grpc::RESOURCE_EXHAUSTED;
}

// Returns when the server says that it is ready.
void WaitUntilItServes(const std::shared_ptr<grpc::Channel>& channel) {
  const auto stub = grpc::health::v1::Health::NewStub(channel);
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + kLastResort);
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(v1::TextGeneration::service_full_name());
  const auto reader = stub->Watch(&context, request);
  grpc::health::v1::HealthCheckResponse response;
  while (response.status() != grpc::health::v1::HealthCheckResponse::SERVING) {
    if (!reader->Read(&response)) break;
  }
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  context.TryCancel();
  (void)reader->Finish();
}

}  // namespace

double Percentile(Latencies latencies, int percent) {
  if (latencies.empty()) return 0;
  const std::size_t rank = (latencies.size() - 1) * static_cast<std::size_t>(percent) / 100;
  const auto nth = latencies.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(latencies.begin(), nth, latencies.end());
  return std::chrono::duration<double, std::milli>(*nth).count();
}

std::shared_ptr<grpc::Channel> OpenChannel(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetSslTargetNameOverride("localhost");
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

Bystanders::Bystanders(const std::string& address, pid_t pid,
                       const std::shared_ptr<grpc::ChannelCredentials>& credentials)
    : address_(address),
      credentials_(credentials),
      pid_(pid),
      asking_channel_(OpenChannel(address, credentials)),
      probing_channel_(OpenChannel(address, credentials)) {
  WaitUntilItServes(probing_channel_);
  Latencies gaps;
  const auto stub = v1::TextGeneration::NewStub(asking_channel_);
  const grpc::Status status = Ask(*stub, Request(), quiet_answer_, gaps);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

v1::GenerateRequest Bystanders::Request() {
  v1::GenerateRequest request;
  request.set_text("Once upon a time");
  request.mutable_stopping()->set_max_new_tokens(24);
  request.mutable_stopping()->set_ignore_eos(true);
  request.mutable_sampling()->set_temperature(1);
  request.mutable_sampling()->set_seed(9);
  request.mutable_response()->set_token_ids(true);
  request.mutable_response()->set_logprobs(true);
  return request;
}

std::string Bystanders::CheckAnswer(const grpc::Status& status, const v1::Delta& answer) const {
  if (!status.ok()) {
    return absl::StrCat("a stream ended with ", status.error_code(), ": ", status.error_message());
  }
  if (answer.SerializeAsString() == quiet_answer_.SerializeAsString()) return "";
  return absl::StrCat("a stream was not what it is without an attack: ", answer.text());
}

std::string Bystanders::AskOnce() const {
  const auto stub = v1::TextGeneration::NewStub(OpenChannel(address_, credentials_));
  v1::Delta answer;
  Latencies gaps;
  const grpc::Status status = Ask(*stub, Request(), answer, gaps);
  return CheckAnswer(status, answer);
}

void Bystanders::Start() {
  asking_ = std::thread([this] { KeepAsking(); });
  probing_ = std::thread([this] { KeepProbing(); });
}

const Bystanders::Observations& Bystanders::Stop() {
  if (!asking_.joinable()) return asked_;
  stop_.Notify();
  asking_.join();
  probing_.join();
  asked_.health = std::move(probed_.health);
  asked_.most_threads = probed_.most_threads;
  asked_.most_descriptors = probed_.most_descriptors;
  asked_.wrong.insert(asked_.wrong.end(), probed_.wrong.begin(), probed_.wrong.end());
  asked_.cuts.insert(asked_.cuts.end(), probed_.cuts.begin(), probed_.cuts.end());
  return asked_;
}

void Bystanders::KeepAsking() {
  const auto stub = v1::TextGeneration::NewStub(asking_channel_);
  do {
    v1::Delta answer;
    const grpc::Status status = Ask(*stub, Request(), answer, asked_.gaps);
    if (status.error_code() == grpc::RESOURCE_EXHAUSTED && answer.token_ids().empty()) {
      ++asked_.refusals;
    } else if (std::string wrong = CheckAnswer(status, answer); wrong.empty()) {
      ++asked_.answers;
    } else if (IsCut(status)) {
      asked_.cuts.push_back(std::move(wrong));
    } else {
      asked_.wrong.push_back(std::move(wrong));
    }
    // Even who is refused comes again only a little later.
  } while (!stop_.WaitForNotificationWithTimeout(kBetweenProbes));
}

void Bystanders::KeepProbing() {
  const auto stub = grpc::health::v1::Health::NewStub(probing_channel_);
  do {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kLastResort);
    grpc::health::v1::HealthCheckResponse response;
    const auto begin = steady_clock::now();
    const grpc::Status status = stub->Check(&context, {}, &response);
    probed_.health.push_back(steady_clock::now() - begin);
    if (!status.ok() || response.status() != grpc::health::v1::HealthCheckResponse::SERVING) {
      auto& list = IsCut(status) ? probed_.cuts : probed_.wrong;
      list.push_back(absl::StrCat("a health probe ended with ", status.error_code(), ", ",
                                  response.status(), ": ", status.error_message()));
    }
    const ProcessUsage usage = MeasureUsage(pid_);
    probed_.most_threads = std::max(probed_.most_threads, usage.threads);
    probed_.most_descriptors = std::max(probed_.most_descriptors, usage.descriptors);
  } while (!stop_.WaitForNotificationWithTimeout(kBetweenProbes));
}

}  // namespace cascade::testing
