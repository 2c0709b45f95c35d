// SPDX-License-Identifier: Apache-2.0
// Connections and streams that are opened and kept.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cascade/v1/text_generation.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "tests/hostile/hostile.h"
#include "tests/hostile/http2.h"
#include "tests/hostile/http2_connection.h"

namespace cascade::testing {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using grpc::reflection::v1::ServerReflection;
using grpc::reflection::v1::ServerReflectionRequest;
using grpc::reflection::v1::ServerReflectionResponse;
using http2::FrameType;

constexpr char kGenerateStream[] = "/cascade.v1.TextGeneration/GenerateStream";

class HostileConnections : public Hostile {};

TEST_F(HostileConnections, MoreIdleOnesThanDescriptors) {
  Serve({}, "ulimit -n 256;");
  Attack([&](Time until) {
    std::vector<std::unique_ptr<Http2Connection>> connections;
    for (int i = 0; i < 400; ++i) {
      connections.push_back(std::make_unique<Http2Connection>(address()));
      if (i % 2 == 0) connections.back()->Send(http2::Preface(), until);
    }
    connections.front()->ReadToEndOf(1, until);
  });
  End("400 idle connections, 256 descriptors");
}

// Streams that wait for their next message, or for news.
struct OpenStreams {
  explicit OpenStreams(const std::string& address) {
    constexpr int kConnections = 4;
    constexpr int kOfEachKind = 200;
    for (int c = 0; c < kConnections; ++c) {
      const auto channel = OpenChannel(address);
      for (int i = 0; i < kOfEachKind; ++i) {
        grpc::ClientContext& context = *contexts.emplace_back(new grpc::ClientContext);
        reflections.push_back(ServerReflection::NewStub(channel)->ServerReflectionInfo(&context));
        grpc::ClientContext& watch = *contexts.emplace_back(new grpc::ClientContext);
        watches.push_back(Health::NewStub(channel)->Watch(&watch, HealthCheckRequest()));
      }
    }
  }

  ~OpenStreams() {
    for (const auto& context : contexts) context->TryCancel();
    for (const auto& stream : reflections) (void)stream->Finish();
    for (const auto& stream : watches) (void)stream->Finish();
  }

  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<
      std::unique_ptr<grpc::ClientReaderWriter<ServerReflectionRequest, ServerReflectionResponse>>>
      reflections;
  std::vector<std::unique_ptr<grpc::ClientReader<HealthCheckResponse>>> watches;
};

TEST_F(HostileConnections, OpenStreamsDoNotKeepItFromEnding) {
  Serve();
  std::unique_ptr<OpenStreams> streams;
  Attack([&](Time) { streams = std::make_unique<OpenStreams>(address()); });
  End("1,600 open reflection and Watch streams, SIGTERM");
}

// The last of the events in `messages`, each of which has its prefix.
v1::GenerateEvent LastEvent(absl::string_view messages) {
  constexpr std::size_t kPrefixBytes = 5;
  v1::GenerateEvent event;
  while (messages.size() >= kPrefixBytes) {
    std::size_t size = 0;
    for (const char byte : messages.substr(1, 4)) {
      size = size << 8 | static_cast<unsigned char>(byte);
    }
    EXPECT_TRUE(event.ParseFromString(std::string(messages.substr(kPrefixBytes, size))));
    messages.remove_prefix(std::min(messages.size(), kPrefixBytes + size));
  }
  return event;
}

// HEADERS, and CONTINUATION as needed, of a call that has `fields` besides what it must have.
std::string CallWith(std::uint32_t stream, const std::string& fields) {
  std::string rest = http2::CallFields(kGenerateStream) + fields;
  std::string frames;
  FrameType type = FrameType::kHeaders;
  while (!rest.empty()) {
    const std::string part = rest.substr(0, http2::kMaxPayloadBytes);
    rest.erase(0, part.size());
    frames += http2::Frame(type, rest.empty() ? http2::kEndHeaders : 0, stream, part);
    type = FrameType::kContinuation;
  }
  return frames;
}

class HostileMetadata : public Hostile {
 protected:
  // A stream, and beside it on the same connection a call with `fields`. Whether the stream came to
  // its end.
  bool StreamSurvives(const std::string& fields, Time until) {
    v1::GenerateRequest request;
    request.set_text("Once upon a time");
    request.mutable_stopping()->set_max_new_tokens(24);
    const std::string message = request.SerializeAsString();
    Http2Connection connection(address());
    connection.Send(absl::StrCat(http2::Preface(), http2::Call(1, kGenerateStream, message),
                                 CallWith(3, fields)),
                    until);
    const bool ended = connection.ReadToEndOf(1, until);
    return ended && LastEvent(connection.TakeMessages(1)).has_summary();
  }
};

TEST_F(HostileMetadata, NineKilobytesHarmNobody) {
  Serve();
  Attack([&](Time) {
    const Time last_resort = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    Expect(StreamSurvives(http2::Field("x-long", std::string(9000, 'm')), last_resort),
           "9 KB of metadata ended a stream of the same connection");
  });
  End("9 KB of metadata");
}

// These may end their own connection.
TEST_F(HostileMetadata, MoreThanTheLimitHarmsNoOtherConnection) {
  Serve();
  Attack([&](Time until) {
    while (std::chrono::steady_clock::now() < until) {
      StreamSurvives(http2::Field("x-long", std::string(70'000, 'm')), until);
    }
  });
  End("70 KB of metadata");
}

TEST_F(HostileMetadata, MalformedBinaryHeadersHarmNoOtherConnection) {
  Serve();
  Attack([&](Time until) {
    while (std::chrono::steady_clock::now() < until) {
      StreamSurvives(http2::Field("x-bytes-bin", "no base64!"), until);
    }
  });
  End("malformed -bin header");
}

}  // namespace
}  // namespace cascade::testing
