// SPDX-License-Identifier: Apache-2.0
// Ten thousand requests of random shapes, valid and not, from many clients at once, some of which
// cancel, run out of time, talk nonsense or leave: each call gets a final status that fits it, and
// in the end every block and every place is free.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/grpc/v1/random_request.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::BadFields;
using ::cascade::testing::Dice;
using ::cascade::testing::MakeRandomRequest;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::RandomRequest;
using ::cascade::testing::ReadAll;
using ::cascade::testing::Served;
using ::cascade::testing::Stream;
using grpc::StatusCode;

constexpr int kRequests = 10'000;
constexpr int kClients = 12;  // more than the server has places for
constexpr std::uint32_t kContext = 64;
constexpr std::uint32_t kVocabulary = 4096;

// What a client does to its call, and the status it may see for it beside the others.
enum class Behavior { kPatient, kCancelsAtOnce, kCancelsLater, kHasADeadline };

Behavior PickBehavior(Dice& dice) {
  return dice.Pick({Behavior::kPatient, Behavior::kPatient, Behavior::kPatient,
                    Behavior::kCancelsAtOnce, Behavior::kCancelsLater, Behavior::kHasADeadline});
}

class Client {
 public:
  Client(Served& served, std::uint64_t seed)
      : served_(served), dice_(seed), stub_(v1::TextGeneration::NewStub(served.NewChannel())) {}

  // One call of any kind.
  void Call() {
    switch (dice_.Below(20)) {
      case 0:
        return Tokenize();
      case 1:
        return Detokenize();
      case 2:
        return GetModel();
      case 3:
        return TalkNonsense();
      case 4:
      case 5:
      case 6:
        return Generate();
      default:
        return GenerateStream();
    }
  }

  // Generations that ended with OK.
  int completed() const { return completed_; }

 private:
  void GenerateStream() {
    const RandomRequest r = MakeRandomRequest(dice_, kContext, kVocabulary);
    const Behavior behavior = PickBehavior(dice_);
    grpc::ClientContext context;
    Prepare(behavior, context);
    const auto reader = stub_->GenerateStream(&context, r.request);
    if (behavior == Behavior::kCancelsAtOnce) context.TryCancel();
    v1::GenerateEvent first;
    const bool read = reader->Read(&first);
    if (behavior == Behavior::kCancelsLater) context.TryCancel();
    Stream stream = ReadAll(*reader);
    if (read) stream.events.insert(stream.events.begin(), first);
    Expect(stream.status, r, behavior);
    if (stream.status.ok()) ExpectWhole(stream, Choices(r.request));
  }

  void Generate() {
    const RandomRequest r = MakeRandomRequest(dice_, kContext, kVocabulary);
    const Behavior behavior = PickBehavior(dice_);
    grpc::ClientContext context;
    Prepare(behavior, context);
    if (behavior == Behavior::kCancelsAtOnce) context.TryCancel();
    v1::GenerateResponse response;
    const grpc::Status status = stub_->Generate(&context, r.request, &response);
    Expect(status, r, behavior);
    if (!status.ok()) return;
    ASSERT_EQ(response.choices_size(), Choices(r.request));
    int tokens = 0;
    for (const v1::Choice& choice : response.choices()) tokens += choice.token_ids_size();
    EXPECT_EQ(tokens, static_cast<int>(response.summary().usage().generated_tokens()));
  }

  void Prepare(Behavior behavior, grpc::ClientContext& context) {
    if (behavior != Behavior::kHasADeadline) return;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::microseconds(dice_.Below(20'000)));
  }

  // The status is one that this call can have.
  void Expect(const grpc::Status& status, const RandomRequest& r, Behavior behavior) {
    if (status.ok()) {
      EXPECT_TRUE(r.wrong.empty()) << *r.wrong.begin();
      ++completed_;
      return;
    }
    switch (status.error_code()) {
      case StatusCode::INVALID_ARGUMENT:
        if (absl::StrContains(status.error_message(), "tokens are excluded")) return;
        return ExpectNames(status, r.wrong);
      case StatusCode::RESOURCE_EXHAUSTED:
        EXPECT_TRUE(r.wrong.empty());
        return;
      case StatusCode::CANCELLED:
        EXPECT_TRUE(behavior == Behavior::kCancelsAtOnce || behavior == Behavior::kCancelsLater);
        return;
      case StatusCode::DEADLINE_EXCEEDED:
        EXPECT_EQ(behavior, Behavior::kHasADeadline);
        return;
      default:
        ADD_FAILURE() << status.error_code() << ": " << status.error_message();
    }
  }

  // What is wrong, and nothing else, is named; all of it unless the message says that there is
  // more.
  static void ExpectNames(const grpc::Status& status, const std::set<std::string>& wrong) {
    const std::vector<std::string> fields = BadFields(status);
    const std::set<std::string> named(fields.begin(), fields.end());
    if (absl::StrContains(status.error_message(), " more")) {
      EXPECT_THAT(wrong, ::testing::IsSupersetOf(named));
      EXPECT_FALSE(named.empty());
    } else {
      EXPECT_EQ(named, wrong) << status.error_message();
    }
  }

  static int Choices(const v1::GenerateRequest& request) {
    return std::max(static_cast<int>(request.sampling().n()), 1);
  }

  // Prompt, deltas and a finish for each choice, summary; and the deltas are the whole answer.
  static void ExpectWhole(const Stream& stream, int choices) {
    ASSERT_GE(stream.events.size(), 3U);
    EXPECT_TRUE(stream.events.front().has_prompt());
    EXPECT_TRUE(stream.events.back().has_summary());
    std::set<std::uint32_t> finished;
    int tokens = 0;
    for (std::size_t i = 1; i + 1 < stream.events.size(); ++i) {
      const v1::GenerateEvent& event = stream.events[i];
      ASSERT_TRUE(event.has_delta() || event.has_finish());
      tokens += event.delta().token_ids_size();
      if (event.has_finish()) finished.insert(event.finish().index());
      EXPECT_FALSE(event.has_delta() && finished.contains(event.delta().index()));
    }
    EXPECT_EQ(static_cast<int>(finished.size()), choices);
    EXPECT_EQ(tokens, static_cast<int>(stream.events.back().summary().usage().generated_tokens()));
    const auto context = static_cast<std::uint32_t>(choices) * kContext;
    EXPECT_LE(stream.events.back().summary().usage().prompt_tokens() +
                  stream.events.back().summary().usage().generated_tokens(),
              context);
  }

  void Tokenize() {
    v1::TokenizeRequest request;
    request.set_text(dice_.Text(50));
    request.set_pieces(true);
    grpc::ClientContext context;
    v1::TokenizeResponse response;
    ASSERT_TRUE(stub_->Tokenize(&context, request, &response).ok());
    std::string text;
    for (const std::string& piece : response.pieces()) text += piece;
    EXPECT_EQ(text, request.text());
  }

  void Detokenize() {
    v1::DetokenizeRequest request;
    for (std::uint32_t i = dice_.Below(20); i > 0; --i) {
      request.add_token_ids(dice_.Below(kVocabulary));
    }
    const bool wrong = dice_.OneIn(4);
    if (wrong) request.add_token_ids(kVocabulary);
    grpc::ClientContext context;
    v1::DetokenizeResponse response;
    EXPECT_EQ(stub_->Detokenize(&context, request, &response).error_code(),
              wrong ? StatusCode::INVALID_ARGUMENT : StatusCode::OK);
  }

  void GetModel() {
    grpc::ClientContext context;
    v1::GetModelResponse response;
    EXPECT_TRUE(stub_->GetModel(&context, v1::GetModelRequest(), &response).ok());
  }

  // A connection that sends anything, perhaps HTTP/2's first words before it, and leaves.
  void TalkNonsense() {
    int port = 0;
    ASSERT_TRUE(absl::SimpleAtoi(served_.server().address().substr(10), &port));  // 127.0.0.1:
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    std::string bytes = dice_.OneIn(2) ? "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" : "";
    for (std::uint32_t i = dice_.Below(200); i > 0; --i) {
      bytes += static_cast<char>(dice_.Below(256));
    }
    (void)send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    close(fd);
  }

  Served& served_;
  Dice dice_;
  std::unique_ptr<v1::TextGeneration::Stub> stub_;
  int completed_ = 0;
};

TEST(RandomRequestsTest, EachEndsWithAStatusThatFitsIt) {
  const ModelFolder folder(kContext);
  Served served(folder.path(), [](Options& options) {
    options.worker.max_running = 4;
    options.worker.max_queued = 4;
    options.worker.step_tokens = 48;  // less than a long prompt: it goes in pieces
    options.kv_cache_bytes =
        std::uint64_t{3} * kContext * 8 * 2 * sizeof(float);  // three whole contexts
  });
  std::atomic<int> next = 0;
  std::atomic<int> completed = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&served, &next, &completed, i] {
      Client client(served, static_cast<std::uint64_t>(i));
      while (next++ < kRequests) client.Call();
      completed += client.completed();
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_GT(completed, kRequests / 20);
  served.DrainAll();
  EXPECT_TRUE(served.EverythingIsFree());
}

}  // namespace
}  // namespace cascade::server
