// SPDX-License-Identifier: Apache-2.0
// Checkpoint 12, its second half: Hugging Face's tokens and text through gRPC, streamed and in one
// message, with every golden prompt in the same batch.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/tokenizer/byte_alphabet.h"
#include "nlohmann/json.hpp"
#include "tests/checkpoints/golden_model.h"
#include "tests/server/served.h"
#include "tests/support/temp_dir.h"

namespace cascade::server {
namespace {

using Tokens = std::vector<model::TokenId>;

// A vocabulary of the 256 bytes and nothing else.
std::string ByteVocabulary() {
  nlohmann::json vocabulary;
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary[model::BytesToAlphabet(std::string(1, static_cast<char>(byte)))] = byte;
  }
  return vocabulary.dump();
}

// The folder itself, or, if it has no tokenizer, a copy with one: the server wants one, and the
// golden random model has none.
class ServableFolder {
 public:
  explicit ServableFolder(const std::string& folder) : path_(folder) {
    for (const char* tokenizer : {"vocab.json", "tokenizer.json"}) {
      if (std::filesystem::exists(absl::StrCat(folder, "/", tokenizer))) return;
    }
    path_ = copy_.emplace().path();
    for (const char* name : {"config.json", "model.safetensors"}) {
      std::filesystem::copy(absl::StrCat(folder, "/", name), copy_->PathOf(name));
    }
    copy_->WriteFile("vocab.json", ByteVocabulary());
    copy_->WriteFile("merges.txt", "#version: 0.2\n");
  }

  const std::string& path() const { return path_; }

 private:
  std::optional<testing::TempDir> copy_;
  std::string path_;
};

// A golden prompt, as text where there is one.
v1::GenerateRequest GreedyRequest(const model::GoldenGeneration& golden) {
  v1::GenerateRequest request;
  if (golden.prompt) {
    request.set_text(*golden.prompt);
  } else {
    request.mutable_token_ids()->mutable_ids()->Add(golden.prompt_ids.begin(),
                                                    golden.prompt_ids.end());
  }
  request.mutable_sampling()->set_temperature(0.0F);
  request.mutable_stopping()->set_max_new_tokens(std::uint32_t{model::kGoldenNewTokens});
  request.mutable_stopping()->set_ignore_eos(true);
  request.mutable_response()->set_token_ids(true);
  return request;
}

// The tokens and the text of one answer, streamed or in one message.
struct Answer {
  Tokens tokens;
  std::string text;
};

Answer AskForStream(v1::TextGeneration::Stub& stub, const v1::GenerateRequest& request) {
  const testing::Stream stream = testing::GenerateStream(stub, request);
  EXPECT_TRUE(stream.status.ok()) << stream.status.error_message();
  const v1::Delta answer = stream.Answer();
  return {Tokens(answer.token_ids().begin(), answer.token_ids().end()), answer.text()};
}

Answer AskForOneMessage(v1::TextGeneration::Stub& stub, const v1::GenerateRequest& request) {
  grpc::ClientContext context;
  v1::GenerateResponse response;
  const grpc::Status status = stub.Generate(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  if (response.choices().empty()) return {};
  const v1::Choice& choice = response.choices(0);
  return {Tokens(choice.token_ids().begin(), choice.token_ids().end()), choice.text()};
}

using Ask = Answer (*)(v1::TextGeneration::Stub&, const v1::GenerateRequest&);

class Checkpoint12Grpc : public testing::CheckpointTest {
 protected:
  Checkpoint12Grpc() : CheckpointTest(model::checkpoints::kGeneration) {}

  // Asks for every golden prompt at once and compares what comes.
  void ExpectGolden(Ask ask) {
    const ServableFolder servable(folder());
    testing::Served served(servable.path(),
                           [](Options& options) { options.kv_cache_bytes = std::nullopt; });
    const std::vector<model::GoldenGeneration> golden = Generations();
    std::vector<Answer> answers(golden.size());
    std::vector<std::thread> clients;
    for (std::size_t i = 0; i < golden.size(); ++i) {
      clients.emplace_back([&served, &golden, &answers, ask, i] {
        answers[i] = ask(served.stub(), GreedyRequest(golden[i]));
      });
    }
    for (std::thread& client : clients) client.join();
    for (std::size_t i = 0; i < golden.size(); ++i) {
      const std::string what = absl::StrCat("prompt ", i);
      measurement().CompareTokens(answers[i].tokens, golden[i].tokens, what);
      if (golden[i].text) measurement().CompareTexts(answers[i].text, *golden[i].text, what);
    }
  }
};

TEST_P(Checkpoint12Grpc, StreamsTheTokensOfHuggingFace) { ExpectGolden(AskForStream); }

TEST_P(Checkpoint12Grpc, AnswersWithTheTokensOfHuggingFace) { ExpectGolden(AskForOneMessage); }

INSTANTIATE_TEST_SUITE_P(, Checkpoint12Grpc, testing::AllGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::server
