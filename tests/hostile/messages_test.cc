// SPDX-License-Identifier: Apache-2.0
// Messages that are not what they should be, and a log that nobody reads.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "cascade/v1/text_generation.grpc.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "tests/hostile/calls_at_once.h"
#include "tests/hostile/hostile.h"

namespace cascade::testing {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

class HostileMessages : public Hostile {
 protected:
  // A unary call of `method` with these bytes for a message.
  grpc::Status Call(const std::string& method, const std::string& bytes) {
    grpc::GenericStub stub(OpenChannel(address()));
    grpc::ClientContext context;
    context.set_deadline(system_clock::now() + seconds(60));
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    grpc::Status status;
    absl::Notification ended;
    stub.UnaryCall(&context, "/cascade.v1.TextGeneration/" + method, {}, &request, &response,
                   [&](grpc::Status result) {
                     status = std::move(result);
                     ended.Notify();
                   });
    ended.WaitForNotification();
    return status;
  }
};

TEST_F(HostileMessages, BombsOfCompressedBytes) {
  Serve();
  v1::TokenizeRequest request;
  request.set_text(std::string(128 << 20, ' '));
  Attack([&](Time until) {
    const auto stub = v1::TextGeneration::NewStub(OpenChannel(address()));
    do {
      for (const auto algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
        grpc::ClientContext context;
        context.set_deadline(system_clock::now() + seconds(60));
        context.set_compression_algorithm(algorithm);
        v1::TokenizeResponse response;
        const grpc::Status status = stub->Tokenize(&context, request, &response);
        Expect(status.error_code() == grpc::UNIMPLEMENTED,
               absl::StrCat("a bomb got ", status.error_code(), ": ", status.error_message()));
      }
    } while (steady_clock::now() < until);
  });
  End("gzip and deflate bombs of 128 MiB");
}

TEST_F(HostileMessages, ThatDoNotParse) {
  // Field 1 (a string in some requests, a list of numbers in others) with bytes that are not UTF-8,
  // with fewer bytes than announced, and of a wire type that does not exist.
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"Tokenize", "\x0a\x03\xed\xa0\xbd"},
      {"Generate", "\x12\x03\xed\xa0\xbd"},
      {"GenerateStream", "\x12\x03\xed\xa0\xbd"},
      {"Tokenize", "\x0a\x20short"},
      {"Generate", "\x0a\x20short"},
      {"Detokenize", "\x0a\x20\x01"},
      {"GenerateStream", "\x0a\x20short"},
      {"GetModel", "\x0f"},
      {"Tokenize", "\x0f"},
      {"Detokenize", "\x0f"},
      {"Generate", "\x0f"}};
  Serve();
  Attack([&](Time until) {
    do {
      for (const auto& [method, bytes] : wrong) {
        const grpc::Status status = Call(method, bytes);
        Expect(status.error_code() == grpc::INVALID_ARGUMENT &&
                   absl::StrContains(status.error_message(), "cascade.v1."),
               absl::StrCat(method, " got ", status.error_code(), ": ", status.error_message()));
      }
    } while (steady_clock::now() < until);
  });
  End("messages that do not parse");
}

TEST_F(HostileMessages, WhileNobodyReadsTheLog) {
  const std::string pipe = folder() + "/log";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const int reader =
      open(pipe.c_str(), O_RDWR | O_CLOEXEC);  // so that opening it to write succeeds
  Serve({"--log_level=debug"}, absl::StrCat("exec 2> ", pipe, ";"));
  BystandersMayBeRefused();
  v1::GenerateRequest request;
  request.set_text("Once");
  request.mutable_stopping()->set_max_new_tokens(1);
  Attack([&](Time until) {
    const auto stub = v1::TextGeneration::NewStub(OpenChannel(address()));
    do {
      CallAtOnce<v1::GenerateResponse>(
          200, system_clock::now() + seconds(10), [&](auto* context, auto* response, auto end) {
            stub->async()->Generate(context, &request, response, std::move(end));
          });
    } while (steady_clock::now() < until);
  });
  End("a log that nobody reads");
  close(reader);
}

}  // namespace
}  // namespace cascade::testing
