// SPDX-License-Identifier: Apache-2.0
// Checkpoint 0: the server starts, health says SERVING, reflection describes every service, and a
// generate call streams. The real binary with the bundled model; its client knows nothing but gRPC.
#include <csignal>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cascade/v1/text_generation.grpc.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/descriptor_database.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "tests/server/server_process.h"
#include "tests/support/source_path.h"

namespace cascade {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAre;

// What generic clients such as grpcurl do: ask for the files that symbols are in, and for nothing
// that they brought themselves.
template <typename ServerReflection, typename ServerReflectionRequest,
          typename ServerReflectionResponse>
class Reflection {
 public:
  explicit Reflection(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(ServerReflection::NewStub(channel)),
        stream_(stub_->ServerReflectionInfo(&context_)) {}
  ~Reflection() {
    stream_->WritesDone();
    ServerReflectionResponse response;
    while (stream_->Read(&response)) {
    }
    EXPECT_TRUE(stream_->Finish().ok());
  }

  std::vector<std::string> Services() {
    ServerReflectionRequest request;
    request.set_list_services("");
    std::vector<std::string> names;
    const ServerReflectionResponse response = Ask(request);
    for (const auto& service : response.list_services_response().service()) {
      names.push_back(service.name());
    }
    return names;
  }

  // Asks for the file that `symbol` is in; the server sends what it imports, too.
  void Fetch(const std::string& symbol) {
    ServerReflectionRequest request;
    request.set_file_containing_symbol(symbol);
    Learn(Ask(request));
  }

  // All files that were fetched.
  google::protobuf::DescriptorDatabase* files() { return &known_; }

 private:
  ServerReflectionResponse Ask(const ServerReflectionRequest& request) {
    ServerReflectionResponse response;
    EXPECT_TRUE(stream_->Write(request));
    EXPECT_TRUE(stream_->Read(&response));
    return response;
  }

  // An answer has the file that was asked for and those of its imports that no earlier answer of
  // the stream had.
  void Learn(const ServerReflectionResponse& response) {
    for (const std::string& bytes : response.file_descriptor_response().file_descriptor_proto()) {
      google::protobuf::FileDescriptorProto file;
      google::protobuf::FileDescriptorProto earlier;
      ASSERT_TRUE(file.ParseFromString(bytes));
      if (!known_.FindFileByName(file.name(), &earlier)) known_.Add(file);
    }
  }

  grpc::ClientContext context_;
  std::unique_ptr<typename ServerReflection::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<ServerReflectionRequest, ServerReflectionResponse>>
      stream_;
  google::protobuf::SimpleDescriptorDatabase known_;
};

using ReflectionV1 = Reflection<grpc::reflection::v1::ServerReflection,
                                grpc::reflection::v1::ServerReflectionRequest,
                                grpc::reflection::v1::ServerReflectionResponse>;
using ReflectionV1Alpha = Reflection<grpc::reflection::v1alpha::ServerReflection,
                                     grpc::reflection::v1alpha::ServerReflectionRequest,
                                     grpc::reflection::v1alpha::ServerReflectionResponse>;

// Adds the names of `type` and of all messages that its fields lead to.
void Collect(const google::protobuf::Descriptor* type, std::set<std::string>& names) {
  if (!names.insert(std::string(type->full_name())).second) return;
  for (int i = 0; i < type->field_count(); ++i) {
    if (type->field(i)->message_type() != nullptr) Collect(type->field(i)->message_type(), names);
  }
}

class Checkpoint00Foundation : public ::testing::Test {
 protected:
  Checkpoint00Foundation()
      : server_({absl::StrCat("--model=", testing::BundledModelFolder()), "--listen=127.0.0.1:0"}),
        channel_(grpc::CreateChannel(server_.Address(), grpc::InsecureChannelCredentials())) {
    WaitUntilServing();
  }

  void TearDown() override {
    if (HasFailure()) return;
    std::printf("checkpoint 00 %-17s %-9s %-46s %s\n", "foundation", "tales-7m", "works",
                ::testing::UnitTest::GetInstance()->current_test_info()->name());
  }

  testing::ServerProcess server_;
  std::shared_ptr<grpc::Channel> channel_;

 private:
  void WaitUntilServing() {
    const auto health = grpc::health::v1::Health::NewStub(channel_);
    grpc::ClientContext context;
    HealthCheckRequest readiness;
    readiness.set_service("cascade.v1.TextGeneration");
    const auto watch = health->Watch(&context, readiness);
    HealthCheckResponse response;
    while (response.status() != HealthCheckResponse::SERVING && watch->Read(&response)) {
    }
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING) << server_.StandardError();
    context.TryCancel();
  }
};

TEST_F(Checkpoint00Foundation, HealthSaysServing) {
  const auto health = grpc::health::v1::Health::NewStub(channel_);
  for (const char* service : {"", "cascade.v1.TextGeneration"}) {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    EXPECT_TRUE(health->Check(&context, request, &response).ok());
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  }
}

// That all is described to a client of one version.
template <typename Reflection>
void ExpectAllDescribed(const std::shared_ptr<grpc::Channel>& channel) {
  Reflection reflection(channel);
  const std::vector<std::string> services = reflection.Services();
  EXPECT_THAT(services, UnorderedElementsAre("cascade.v1.TextGeneration", "grpc.health.v1.Health",
                                             "grpc.reflection.v1.ServerReflection",
                                             "grpc.reflection.v1alpha.ServerReflection",
                                             "vllm.grpc.engine.VllmEngine"));
  // Error details are reached by name.
  const std::vector<std::string> details = {"google.rpc.Status", "google.rpc.BadRequest",
                                            "google.rpc.RetryInfo"};
  for (const std::string& name : services) reflection.Fetch(name);
  for (const std::string& name : details) reflection.Fetch(name);
  const google::protobuf::DescriptorPool pool(reflection.files());
  std::set<std::string> messages;
  for (const std::string& name : services) {
    const google::protobuf::ServiceDescriptor* service = pool.FindServiceByName(name);
    ASSERT_NE(service, nullptr) << name;
    EXPECT_GT(service->method_count(), 0) << name;
    for (int i = 0; i < service->method_count(); ++i) {
      Collect(service->method(i)->input_type(), messages);
      Collect(service->method(i)->output_type(), messages);
    }
  }
  EXPECT_THAT(messages,
              IsSupersetOf({"cascade.v1.GenerateRequest", "cascade.v1.SamplingParams",
                            "cascade.v1.TokenLogProbs.Candidate", "google.protobuf.Duration",
                            "grpc.health.v1.HealthCheckResponse"}));
  for (const std::string& detail : details) {
    EXPECT_NE(pool.FindMessageTypeByName(detail), nullptr) << detail;
  }
}

TEST_F(Checkpoint00Foundation, ReflectionDescribesEveryServiceAndMessage) {
  ExpectAllDescribed<ReflectionV1>(channel_);
  ExpectAllDescribed<ReflectionV1Alpha>(channel_);
}

TEST_F(Checkpoint00Foundation, AGenerateCallStreams) {
  const auto stub = v1::TextGeneration::NewStub(channel_);
  grpc::ClientContext context;
  v1::GenerateRequest request;
  request.set_text("Once upon a time");
  request.mutable_stopping()->set_max_new_tokens(40);
  const auto reader = stub->GenerateStream(&context, request);
  std::string text;
  std::size_t deltas = 0;
  v1::GenerateEvent event;
  while (reader->Read(&event)) {
    text += event.delta().text();
    if (event.has_delta()) ++deltas;
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_TRUE(event.has_summary());
  EXPECT_GT(deltas, 1U);
  EXPECT_NE(text, "");
}

TEST_F(Checkpoint00Foundation, SigtermEndsItWithZero) {
  server_.Signal(SIGTERM);
  EXPECT_EQ(server_.Wait(), 0);
}

}  // namespace
}  // namespace cascade
