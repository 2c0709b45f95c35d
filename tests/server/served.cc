// SPDX-License-Identifier: Apache-2.0

#include "tests/server/served.h"

#include <cstdint>
#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "server/grpc/request/limits.h"
#include "server/observability/logs.h"

namespace cascade::testing {
namespace {

// A test whose server does not start cannot find out anything.
void MustBeOk(const absl::Status& status) {
  if (status.ok()) return;
  ADD_FAILURE() << status;
  std::abort();
}

}  // namespace

server::Options TestOptions(const std::string& folder) {
  server::Options options;
  options.model = folder;
  options.model_name = "test";
  options.listen.addresses = {"127.0.0.1:0"};
  options.kv_cache_bytes = 64 << 20;  // eight of the longest sequences
  options.log.level = server::LogLevel::kOff;
  return options;
}

Served::Served(const std::string& folder, const std::function<void(server::Options&)>& adjust) {
  server::Options options = TestOptions(folder);
  adjust(options);
  speaks_tls_ = options.tls.on();
  server::StartLogging(options.log);
  server_ = std::make_unique<server::Server>(std::move(options));
  MustBeOk(server_->Listen());
  MustBeOk(server_->LoadModel());
  server_->StartServing();
  const std::shared_ptr<grpc::Channel> channel = NewChannel();
  stub_ = v1::TextGeneration::NewStub(channel);
  health_ = grpc::health::v1::Health::NewStub(channel);
}

std::shared_ptr<grpc::Channel> Served::NewChannel(grpc::ChannelArguments arguments) const {
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), arguments);
  // gRPC 1.51 looks at errno too late, and now and then takes a connection that is in progress for
  // one that has failed. Calls would fail with it; who waits is connected by its next attempt.
  if (!speaks_tls_) channel->WaitForConnected(gpr_inf_future(GPR_CLOCK_REALTIME));
  return channel;
}

void Served::DrainAll() { MustBeOk(server_->Drain(absl::InfiniteFuture())); }

bool Served::EverythingIsFree() {
  const server::WorkerStats stats = server_->backend().worker.stats();
  return stats.free_blocks == stats.total_blocks && stats.running == 0 && stats.queued == 0 &&
         server_->backend().admission.held() == 0;
}

v1::Delta Stream::Answer() const {
  v1::Delta answer;
  for (const v1::GenerateEvent& event : events) {
    answer.mutable_text()->append(event.delta().text());
    answer.mutable_token_ids()->MergeFrom(event.delta().token_ids());
    answer.mutable_logprobs()->MergeFrom(event.delta().logprobs());
  }
  return answer;
}

Stream ReadAll(grpc::ClientReader<v1::GenerateEvent>& reader) {
  Stream stream;
  v1::GenerateEvent event;
  while (reader.Read(&event)) stream.events.push_back(event);
  stream.status = reader.Finish();
  return stream;
}

Stream GenerateStream(v1::TextGeneration::Stub& stub, const v1::GenerateRequest& request) {
  grpc::ClientContext context;
  return ReadAll(*stub.GenerateStream(&context, request));
}

v1::GenerateRequest Request(std::uint32_t max_new_tokens) {
  v1::GenerateRequest request;
  request.set_text("Once upon a time");
  request.mutable_stopping()->set_max_new_tokens(max_new_tokens);
  request.mutable_stopping()->set_ignore_eos(true);
  return request;
}

std::string LongText() {
  std::string text;
  while (text.size() < server::kMaxTextBytes - 16) text += "Once upon a time";
  return text;
}

template <typename Detail>
bool FindDetail(const grpc::Status& status, Detail& detail) {
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return false;
  for (const google::protobuf::Any& any : details.details()) {
    if (any.UnpackTo(&detail)) return true;
  }
  return false;
}

template bool FindDetail(const grpc::Status&, google::rpc::BadRequest&);
template bool FindDetail(const grpc::Status&, google::rpc::RetryInfo&);

std::vector<std::string> BadFields(const grpc::Status& status) {
  google::rpc::BadRequest details;
  std::vector<std::string> fields;
  if (!FindDetail(status, details)) return fields;
  for (const auto& violation : details.field_violations()) fields.push_back(violation.field());
  return fields;
}

std::string DetailsMessage(const grpc::Status& status) {
  google::rpc::Status details;
  if (status.error_details().empty() || !details.ParseFromString(status.error_details())) {
    return status.error_message();
  }
  return details.message();
}

}  // namespace cascade::testing
