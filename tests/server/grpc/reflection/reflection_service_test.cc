// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/reflection/reflection_service.h"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptorProto;

// base.proto: message Base, which has extensions 100 to 199, of which base.proto declares 101.
// middle.proto imports it; top.proto imports both, declares extension 102, an enum and a service.
class TestFiles {
 public:
  TestFiles() {
    FileDescriptorProto base = File("base.proto");
    google::protobuf::DescriptorProto& message = *base.add_message_type();
    message.set_name("Base");
    message.add_extension_range()->set_start(100);
    message.mutable_extension_range(0)->set_end(200);
    AddExtension(base, "first", 101);
    pool_.BuildFile(base);

    FileDescriptorProto middle = File("middle.proto");
    middle.add_dependency("base.proto");
    middle.add_message_type()->set_name("Middle");
    pool_.BuildFile(middle);

    FileDescriptorProto top = File("top.proto");
    top.add_dependency("base.proto");
    top.add_dependency("middle.proto");
    AddExtension(top, "second", 102);
    google::protobuf::EnumDescriptorProto& color = *top.add_enum_type();
    color.set_name("Color");
    color.add_value()->set_name("RED");
    color.mutable_value(0)->set_number(0);
    google::protobuf::ServiceDescriptorProto& service = *top.add_service();
    service.set_name("Painter");
    service.add_method()->set_name("Paint");
    service.mutable_method(0)->set_input_type(".test.Middle");
    service.mutable_method(0)->set_output_type(".test.Base");
    pool_.BuildFile(top);
  }

  const google::protobuf::DescriptorPool& pool() const { return pool_; }

 private:
  static FileDescriptorProto File(const std::string& name) {
    FileDescriptorProto file;
    file.set_name(name);
    file.set_package("test");
    return file;
  }

  static void AddExtension(FileDescriptorProto& file, const std::string& name, int number) {
    FieldDescriptorProto& extension = *file.add_extension();
    extension.set_name(name);
    extension.set_number(number);
    extension.set_extendee(".test.Base");
    extension.set_type(FieldDescriptorProto::TYPE_INT32);
    extension.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
  }

  google::protobuf::DescriptorPool pool_;
};

// A server of the test's files, and one stream to it.
template <typename Version>
class ReflectionServiceTest : public ::testing::Test {
 protected:
  using Request = typename Version::Request;
  using Response = typename Version::Response;

  ReflectionServiceTest()
      : service_(std::make_shared<const Descriptors>(
                     std::vector<std::string>{"test.Painter", "test.Other"}, files_.pool()),
                 calls_, memory_, everybody_) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = Version::Service::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
    stream_ = stub_->ServerReflectionInfo(&context_);
  }

  ~ReflectionServiceTest() override {
    if (stream_ != nullptr) {
      EXPECT_TRUE(End().ok());
    }
    server_->Shutdown();
  }

  Response Ask(const Request& request) {
    Response response;
    EXPECT_TRUE(stream_->Write(request));
    EXPECT_TRUE(stream_->Read(&response));
    EXPECT_EQ(response.original_request().SerializeAsString(), request.SerializeAsString());
    return response;
  }

  Response AskForSymbol(const std::string& symbol) {
    Request request;
    request.set_file_containing_symbol(symbol);
    return Ask(request);
  }

  grpc::Status End() {
    stream_->WritesDone();
    Response response;
    while (stream_->Read(&response)) {
    }
    grpc::Status status = stream_->Finish();
    stream_.reset();
    return status;
  }

  static std::vector<std::string> Names(const Response& response) {
    std::vector<std::string> names;
    for (const std::string& bytes : response.file_descriptor_response().file_descriptor_proto()) {
      FileDescriptorProto file;
      EXPECT_TRUE(file.ParseFromString(bytes));
      names.push_back(file.name());
    }
    return names;
  }

  TestFiles files_;
  OpenCalls calls_;
  CallMemory memory_{100 * CallBytes(kMaxReflectionRequestBytes)};
  const Authenticator everybody_{""};
  ReflectionService<Version> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<typename Version::Service::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_;
};

using Versions = ::testing::Types<ReflectionV1, ReflectionV1Alpha>;
TYPED_TEST_SUITE(ReflectionServiceTest, Versions);

TYPED_TEST(ReflectionServiceTest, ListsTheServices) {
  typename TypeParam::Request request;
  request.set_host("here");
  request.set_list_services("");
  const auto response = this->Ask(request);
  EXPECT_EQ(response.valid_host(), "here");
  std::vector<std::string> names;
  for (const auto& service : response.list_services_response().service()) {
    names.push_back(service.name());
  }
  EXPECT_THAT(names, ElementsAre("test.Painter", "test.Other"));
}

TYPED_TEST(ReflectionServiceTest, SendsAFileWithAllItsImports) {
  typename TypeParam::Request request;
  request.set_file_by_filename("top.proto");
  EXPECT_THAT(this->Names(this->Ask(request)),
              UnorderedElementsAre("top.proto", "middle.proto", "base.proto"));
}

TYPED_TEST(ReflectionServiceTest, SendsEachImportOncePerStreamAndWhatIsAskedForEachTime) {
  typename TypeParam::Request request;
  request.set_file_by_filename("middle.proto");
  EXPECT_THAT(this->Names(this->Ask(request)), ElementsAre("middle.proto", "base.proto"));
  EXPECT_THAT(this->Names(this->Ask(request)), ElementsAre("middle.proto"));
  request.set_file_by_filename("top.proto");
  EXPECT_THAT(this->Names(this->Ask(request)), ElementsAre("top.proto"));
  request.set_file_by_filename("base.proto");
  EXPECT_THAT(this->Names(this->Ask(request)), ElementsAre("base.proto"));
}

TYPED_TEST(ReflectionServiceTest, FindsTheFileOfEverySymbol) {
  for (const char* symbol :
       {"test.Painter", "test.Painter.Paint", "test.Color", "test.RED", "test.second"}) {
    EXPECT_EQ(this->Names(this->AskForSymbol(symbol)).front(), "top.proto") << symbol;
  }
  EXPECT_EQ(this->Names(this->AskForSymbol("test.Base")).front(), "base.proto");
}

TYPED_TEST(ReflectionServiceTest, FindsExtensions) {
  typename TypeParam::Request request;
  request.mutable_file_containing_extension()->set_containing_type("test.Base");
  request.mutable_file_containing_extension()->set_extension_number(102);
  EXPECT_EQ(this->Names(this->Ask(request)).front(), "top.proto");
  request.set_all_extension_numbers_of_type("test.Base");
  auto response = this->Ask(request);
  EXPECT_EQ(response.all_extension_numbers_response().base_type_name(), "test.Base");
  EXPECT_THAT(response.all_extension_numbers_response().extension_number(),
              UnorderedElementsAre(101, 102));
  request.set_all_extension_numbers_of_type("test.Middle");
  response = this->Ask(request);
  EXPECT_TRUE(response.has_all_extension_numbers_response());
  EXPECT_THAT(response.all_extension_numbers_response().extension_number(), IsEmpty());
}

TYPED_TEST(ReflectionServiceTest, WhatIsNotThereIsAnErrorThatTheStreamSurvives) {
  std::vector<typename TypeParam::Request> requests(6);
  requests[0].set_file_by_filename("no.proto");
  requests[1].set_file_containing_symbol("test.No");
  requests[2].mutable_file_containing_extension()->set_containing_type("test.No");
  requests[3].mutable_file_containing_extension()->set_containing_type("test.Base");
  requests[3].mutable_file_containing_extension()->set_extension_number(199);
  requests[4].set_all_extension_numbers_of_type("test.No");
  requests[5].set_file_containing_symbol("");
  for (const auto& request : requests) {
    const auto response = this->Ask(request);
    EXPECT_EQ(response.error_response().error_code(), grpc::StatusCode::NOT_FOUND);
    EXPECT_NE(response.error_response().error_message(), "");
  }
  EXPECT_EQ(this->Ask({}).error_response().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(this->Names(this->AskForSymbol("test.Base")), ElementsAre("base.proto"));
}

// Protobuf looks a name up in time that grows with the square of its length.
TYPED_TEST(ReflectionServiceTest, ARequestThatIsTooLongEndsTheStream) {
  typename TypeParam::Request request;
  request.set_file_containing_symbol(std::string(kMaxReflectionRequestBytes + 1, '.'));
  typename TypeParam::Response response;
  EXPECT_TRUE(this->stream_->Write(request));
  EXPECT_FALSE(this->stream_->Read(&response));
  EXPECT_EQ(this->End().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TYPED_TEST(ReflectionServiceTest, AnswersInTheOrderOfTheRequests) {
  constexpr int kRequests = 1000;
  std::thread writer([this] {
    typename TypeParam::Request request;
    request.set_list_services("");
    for (int i = 0; i < kRequests; ++i) {
      request.set_host(absl::StrCat(i));
      EXPECT_TRUE(this->stream_->Write(request));
    }
  });
  typename TypeParam::Response response;
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_TRUE(this->stream_->Read(&response));
    EXPECT_EQ(response.valid_host(), absl::StrCat(i));
  }
  writer.join();
}

TYPED_TEST(ReflectionServiceTest, StreamsAreCancelledAtAnyMoment) {
  for (int i = 0; i < 200; ++i) {
    grpc::ClientContext context;
    const auto stream = this->stub_->ServerReflectionInfo(&context);
    typename TypeParam::Request request;
    request.set_list_services("");
    typename TypeParam::Response response;
    if (i % 4 > 0) stream->Write(request);
    if (i % 4 > 1) stream->Read(&response);
    if (i % 4 > 2) stream->Write(request);
    context.TryCancel();
    while (stream->Read(&response)) {
    }
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
}

TYPED_TEST(ReflectionServiceTest, AnOpenStreamDoesNotHoldTheServersEnd) {
  EXPECT_TRUE(this->AskForSymbol("test.Base").has_file_descriptor_response());
  this->server_->Shutdown(std::chrono::system_clock::now());
  EXPECT_FALSE(this->End().ok());
}

TYPED_TEST(ReflectionServiceTest, AStreamWithoutAShareOfTheMemoryIsRefused) {
  this->AskForSymbol("test.Painter");  // the fixture's stream has its share
  std::vector<CallMemory::Share> rest;
  while (CallMemory::Share share = this->memory_.TryTake(kOpenCallBytes)) {
    rest.push_back(std::move(share));
  }
  grpc::ClientContext context;
  const auto stream = this->stub_->ServerReflectionInfo(&context);
  typename TestFixture::Response response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TYPED_TEST(ReflectionServiceTest, AnOpenStreamIsToldThatTheServerShutsDown) {
  this->AskForSymbol("test.Painter");  // the stream is there
  this->calls_.EndIdle();
  typename TestFixture::Response response;
  EXPECT_FALSE(this->stream_->Read(&response));
  const grpc::Status status = this->stream_->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "the server is shutting down");
  this->stream_.reset();
  this->calls_.WaitUntilNone(absl::InfiniteDuration());
}

}  // namespace
}  // namespace cascade::server
