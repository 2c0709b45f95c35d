// SPDX-License-Identifier: Apache-2.0
// Bytes in flight: long requests, requests that never end, answers that nobody reads.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cascade/v1/text_generation.grpc.pb.h"
#include "tests/hostile/calls_at_once.h"
#include "tests/hostile/hostile.h"
#include "tests/hostile/http2.h"
#include "tests/hostile/http2_connection.h"
#include "tests/hostile/memory_cgroup.h"

namespace cascade::testing {
namespace {

using http2::FrameType;
using std::chrono::seconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr std::size_t kLongestText = 512 << 10;  // that the server takes

// What a server may say to more calls than it can serve at once, in the time that they have.
const std::vector<grpc::StatusCode> kOkOrFull = {grpc::OK, grpc::RESOURCE_EXHAUSTED,
                                                 grpc::DEADLINE_EXCEEDED};

std::string LongText() {
  std::string text;
  while (text.size() < kLongestText) text += "Once upon a time, there was a little girl. ";
  text.resize(kLongestText);
  return text;
}

class HostileMemory : public Hostile {
 protected:
  // Calls Tokenize `count` times at once, and again until `until`.
  void TokenizeAtOnce(std::size_t count, Time until) {
    v1::TokenizeRequest request;
    request.set_text(LongText());
    const auto next = OpenStubs();
    RepeatAtOnce<v1::TokenizeResponse>(count, until, [&](auto* context, auto* response, auto end) {
      next()->async()->Tokenize(context, &request, response, std::move(end));
    });
  }

  // The same with Generate, for a few tokens after the end of the text.
  void GenerateAtOnce(std::size_t count, Time until) {
    v1::GenerateRequest request;
    request.set_text(LongText());
    request.mutable_truncation();
    request.mutable_stopping()->set_max_new_tokens(2);
    const auto next = OpenStubs();
    RepeatAtOnce<v1::GenerateResponse>(count, until, [&](auto* context, auto* response, auto end) {
      next()->async()->Generate(context, &request, response, std::move(end));
    });
  }

  // Sends the beginning of a message of 4 MiB on each of up to `count` streams.
  void SendUnfinishedMessages(std::uint32_t count, Time until) {
    constexpr std::uint32_t kLongestMessage = 4 << 20;
    const std::string bytes =
        http2::MessagePrefix(kLongestMessage) + std::string(kLongestMessage - 1, '\0');
    Http2Connection connection(address());
    connection.Send(http2::Preface(), until);
    for (std::uint32_t i = 0; i < count && connection.open(); ++i) {
      const std::uint32_t stream = 2 * i + 1;
      connection.Send(http2::Frame(FrameType::kHeaders, http2::kEndHeaders, stream,
                                   http2::CallFields("/cascade.v1.TextGeneration/Tokenize")),
                      until);
      connection.SendMessageBytes(stream, bytes, until);
    }
    connection.ReadToEndOf(0, until);  // which has no end
  }

  // Calls `path` on `count` streams of one connection, and lets the server send no answer.
  void LeaveAnswersUnread(std::uint32_t count, const std::string& path,
                          const google::protobuf::MessageLite& request, Time until) {
    const std::string message = request.SerializeAsString();
    const std::string bytes =
        http2::MessagePrefix(static_cast<std::uint32_t>(message.size())) + message;
    Http2Connection connection(address());
    connection.Send(http2::Preface(/*initial_window=*/0), until);
    for (std::uint32_t i = 0; i < count && connection.open(); ++i) {
      const std::uint32_t stream = 2 * i + 1;
      connection.Send(
          http2::Frame(FrameType::kHeaders, http2::kEndHeaders, stream, http2::CallFields(path)),
          until);
      if (connection.SendMessageBytes(stream, bytes, until)) {
        connection.Send(http2::Frame(FrameType::kData, http2::kEndStream, stream, ""), until);
      }
    }
    connection.ReadToEndOf(0, until);  // which has no end
  }

 private:
  // A function that gives the stubs of eight connections by turns.
  std::function<v1::TextGeneration::Stub*()> OpenStubs() const {
    constexpr std::size_t kConnections = 8;
    auto stubs = std::make_shared<std::vector<std::unique_ptr<v1::TextGeneration::Stub>>>();
    for (std::size_t i = 0; i < kConnections; ++i) {
      stubs->push_back(v1::TextGeneration::NewStub(OpenChannel(address())));
    }
    return [stubs, i = std::size_t{0}]() mutable { return (*stubs)[i++ % kConnections].get(); };
  }

  template <typename Response, typename Start>
  void RepeatAtOnce(std::size_t count, Time until, const Start& start) {
    StatusCounts counts;
    do {
      const auto left = std::max<steady_clock::duration>(until - steady_clock::now(), seconds(1));
      const auto deadline =
          system_clock::now() + std::chrono::duration_cast<system_clock::duration>(left);
      for (const auto& [code, n] : CallAtOnce<Response>(count, deadline, start)) {
        counts[code].calls += n.calls;
        counts[code].message = n.message;
      }
    } while (steady_clock::now() < until);
    std::printf("statuses: %s\n", ToString(counts).c_str());
    Expect(AreAllIn(counts, kOkOrFull), absl::StrCat("calls ended with ", ToString(counts)));
  }
};

class HostileTokenize : public HostileMemory, public ::testing::WithParamInterface<int> {};

TEST_P(HostileTokenize, OfTheLongestTextAtOnce) {
  Serve();
  BystandersMayBeRefused();
  BystandersMayBeCut();  // by the quota of gRPC 1.83, when 1000 come at once
  Attack([&](Time until) { TokenizeAtOnce(static_cast<std::size_t>(GetParam()), until); });
  End(absl::StrCat(GetParam(), " Tokenize of 512 KiB"));
}

INSTANTIATE_TEST_SUITE_P(Calls, HostileTokenize, ::testing::Values(64, 200, 1000),
                         ::testing::PrintToStringParamName());

TEST_F(HostileMemory, GenerateOfTheLongestTextAtOnce) {
  Serve();
  BystandersMayBeRefused();
  Attack([&](Time until) { GenerateAtOnce(320, until); });
  End("320 Generate of 512 KiB");
}

TEST_F(HostileMemory, MessagesThatAreNeverFinished) {
  BystandersMayBeCut();
  Serve();
  BystandersMayBeRefused();
  Attack([&](Time until) { SendUnfinishedMessages(400, until); });
  End("400 unfinished messages of 4 MiB");
}

TEST_F(HostileMemory, UnreadAnswersOfDetokenize) {
  v1::DetokenizeRequest request;
  constexpr std::uint32_t kLongToken = 2000;  // of some 8 bytes, and its text is sent twice
  for (int i = 0; i < 5000; ++i) request.add_token_ids(kLongToken);
  Serve();
  BystandersMayBeRefused();
  Attack([&](Time until) {
    LeaveAnswersUnread(1200, "/cascade.v1.TextGeneration/Detokenize", request, until);
  });
  End("1,200 unread answers of Detokenize");
}

TEST_F(HostileMemory, UnreadAnswersOfGenerate) {
  v1::GenerateRequest request;
  request.set_text("Once upon a time");
  request.mutable_stopping()->set_max_new_tokens(64);
  request.mutable_response()->set_logprobs(true);
  request.mutable_response()->set_candidates(20);
  Serve();
  BystandersMayBeRefused();
  Attack([&](Time until) {
    LeaveAnswersUnread(800, "/cascade.v1.TextGeneration/Generate", request, until);
  });
  End("800 unread answers of Generate");
}

TEST_F(HostileMemory, UnreadAnswersOfManyChoicesWithManyRules) {
  v1::GenerateRequest request;
  request.set_text("Once upon a time");
  request.mutable_sampling()->set_n(64);
  request.mutable_sampling()->set_temperature(1.0F);
  request.mutable_stopping()->set_max_new_tokens(16);
  v1::TokenRules& rules = *request.mutable_token_rules();
  for (std::uint32_t token = 0; token < 4000; ++token) {
    (*rules.mutable_bias())[token] = 0.5F;
    rules.add_allowed(token);
  }
  for (int i = 0; i < 60'000; ++i) rules.add_banned(4095);
  Serve();
  BystandersMayBeRefused();
  Attack([&](Time until) {
    LeaveAnswersUnread(300, "/cascade.v1.TextGeneration/GenerateStream", request, until);
  });
  End("300 unread streams of 64 choices with 68,000 rules");
}

// ---------------------------------------------------------------------------------------------------
// What the documentation allows, within the manifest's limit of memory. Where no cgroup can be
// made, the bound of every attack remains.

class HostileContainer : public HostileMemory {
 protected:
  void SetUp() override {
#ifdef CASCADE_MEMORY_IS_QUARANTINED
    GTEST_SKIP() << "the sanitizer keeps what is freed, and the container has no room for that";
#endif
  }
};

TEST_F(HostileContainer, SurvivesTokenize) {
  const MemoryCgroup cgroup(kMostResident);
  Serve({"--call_memory_bytes=auto"}, cgroup.Preamble());
  BystandersMayBeRefused();
  Attack([&](Time until) { TokenizeAtOnce(200, until); });
  End("container: 200 Tokenize of 512 KiB");
}

TEST_F(HostileContainer, SurvivesGenerate) {
  const MemoryCgroup cgroup(kMostResident);
  Serve({"--call_memory_bytes=auto"}, cgroup.Preamble());
  BystandersMayBeRefused();
  Attack([&](Time until) { GenerateAtOnce(320, until); });
  End("container: 320 Generate of 512 KiB");
}

TEST_F(HostileContainer, SurvivesAFullQueue) {
  const MemoryCgroup cgroup(kMostResident);
  Serve({"--call_memory_bytes=auto"}, cgroup.Preamble());
  BystandersMayBeRefused();
  v1::GenerateRequest request;
  request.set_text(LongText().substr(0, 2000));
  request.mutable_truncation();
  request.mutable_stopping()->set_max_new_tokens(400);
  Attack([&](Time until) {
    LeaveAnswersUnread(320, "/cascade.v1.TextGeneration/GenerateStream", request, until);
  });
  End("container: 64 running and 256 queued streams");
}

}  // namespace
}  // namespace cascade::testing
