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
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
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
    switch (dice_.Below(24)) {
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
      case 20:
      case 21:
        return Embed();
      case 22:
      case 23:
        return Score();
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
    if (stream.status.ok()) ExpectWhole(stream, r.request);
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
    ExpectChoices(response.choices_size(), r.request);
    int tokens = 0;
    for (const v1::Choice& choice : response.choices()) tokens += choice.token_ids_size();
    ExpectCounted(tokens, response.summary(), r.request);
  }

  // A text of 1 to `most` tokens; now and then something is wrong with it.
  void FillInput(const std::string& path, std::uint32_t most, std::set<std::string>& wrong,
                 v1::Input& input) {
    v1::TokenIds& ids = *input.mutable_token_ids();
    for (std::uint32_t i = 1 + dice_.Below(most); i > 0; --i) {
      ids.add_ids(dice_.Below(kVocabulary));
    }
    if (!dice_.OneIn(50)) return;
    wrong.insert(absl::StrCat(path, ".token_ids.ids[", ids.ids_size(), "]"));
    ids.add_ids(kVocabulary);
  }

  void Embed() {
    v1::EmbedRequest request;
    RandomRequest r;
    for (std::uint32_t i = 1 + dice_.Below(12); i > 0; --i) {
      const std::string path = absl::StrCat("inputs[", request.inputs_size(), "]");
      FillInput(path, kContext - 1, r.wrong, *request.add_inputs());
    }
    request.set_pooling(dice_.Pick({v1::POOLING_LAST, v1::POOLING_MEAN, v1::POOLING_TOKENS}));
    request.set_normalize(dice_.OneIn(2));
    request.mutable_cache()->set_bypass(dice_.OneIn(4));
    const Behavior behavior = PickBehavior(dice_);
    grpc::ClientContext context;
    Prepare(behavior, context);
    if (behavior == Behavior::kCancelsAtOnce) context.TryCancel();
    v1::EmbedResponse response;
    const grpc::Status status = stub_->Embed(&context, request, &response);
    Expect(status, r, behavior);
    if (!status.ok()) return;
    ASSERT_EQ(response.embeddings_size(), request.inputs_size());
    for (int i = 0; i < request.inputs_size(); ++i) {
      const int tokens = request.inputs(i).token_ids().ids_size();
      EXPECT_EQ(response.embeddings(i).vectors_size(),
                request.pooling() == v1::POOLING_TOKENS ? tokens : 1);
    }
  }

  void Score() {
    v1::ScoreRequest request;
    RandomRequest r;
    std::size_t continuations = 0;
    for (std::uint32_t i = 1 + dice_.Below(4); i > 0; --i) {
      const std::string path = absl::StrCat("items[", request.items_size(), "]");
      v1::ScoreRequest::Item& item = *request.add_items();
      if (!dice_.OneIn(5)) {
        FillInput(absl::StrCat(path, ".prompt"), kContext / 2, r.wrong, *item.mutable_prompt());
      }
      for (std::uint32_t j = 1 + dice_.Below(4); j > 0; --j) {
        const std::string place =
            absl::StrCat(path, ".continuations[", item.continuations_size(), "]");
        FillInput(place, kContext / 2 - 2, r.wrong, *item.add_continuations());
        ++continuations;
      }
    }
    request.set_logprobs(dice_.OneIn(2));
    const Behavior behavior = PickBehavior(dice_);
    grpc::ClientContext context;
    Prepare(behavior, context);
    const auto reader = stub_->Score(&context, request);
    if (behavior == Behavior::kCancelsAtOnce) context.TryCancel();
    v1::ScoreEvent event;
    std::set<std::pair<std::uint32_t, std::uint32_t>> places;
    while (reader->Read(&event)) {
      if (event.has_score()) places.emplace(event.score().item(), event.score().continuation());
      if (behavior == Behavior::kCancelsLater) context.TryCancel();
    }
    const grpc::Status status = reader->Finish();
    Expect(status, r, behavior);
    if (!status.ok()) return;
    EXPECT_EQ(places.size(), continuations);
    EXPECT_TRUE(event.has_summary());
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
        // A full server translates no constraint.
        EXPECT_TRUE(r.wrong.empty() || !r.wrong_constraint.empty());
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

  // Beams may find fewer than were asked for.
  static void ExpectChoices(int choices, const v1::GenerateRequest& request) {
    EXPECT_LE(choices, Choices(request));
    EXPECT_GE(choices, request.has_beam_search() ? 1 : Choices(request));
  }

  // The tokens that were told are those that were generated, or some of these, all within the
  // context.
  static void ExpectCounted(int tokens, const v1::Summary& summary,
                            const v1::GenerateRequest& request) {
    const int told = Choices(request);
    const int made = std::max(told, static_cast<int>(request.sampling().best_of().choices()));
    const auto generated = static_cast<int>(summary.usage().generated_tokens());
    if (made == told) {
      EXPECT_EQ(tokens, generated);
    } else {
      EXPECT_LE(tokens, generated);
    }
    EXPECT_LE(static_cast<int>(summary.usage().prompt_tokens()) + generated,
              made * static_cast<int>(kContext));
  }

  // Prompt, deltas and a finish for each choice, summary; and the deltas are the whole answer.
  static void ExpectWhole(const Stream& stream, const v1::GenerateRequest& request) {
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
    ExpectChoices(static_cast<int>(finished.size()), request);
    ExpectCounted(tokens, stream.events.back().summary(), request);
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
