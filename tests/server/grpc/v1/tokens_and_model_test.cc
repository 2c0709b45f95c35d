// SPDX-License-Identifier: Apache-2.0
// The service's methods that do not generate, over loopback TCP.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::BadFields;
using ::cascade::testing::kEndless;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Served;
using ::testing::ElementsAre;

class TokensAndModelTest : public ::testing::Test {
 protected:
  ModelFolder folder_;
  Served served_{folder_.path()};
};

TEST_F(TokensAndModelTest, TokenizeAndDetokenizeAreInverse) {
  v1::TokenizeRequest request;
  request.set_text("Once upon a time, caf\xC3\xA9 \xF0\x9F\x90\x89");
  request.set_pieces(true);
  v1::TokenizeResponse tokens;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(served_.stub().Tokenize(&context, request, &tokens).ok());
  }
  ASSERT_EQ(tokens.token_ids_size(), tokens.pieces_size());
  EXPECT_EQ(tokens.token_ids(0), 2762U);
  std::string pieces;
  for (const std::string& piece : tokens.pieces()) pieces += piece;
  EXPECT_EQ(pieces, request.text());

  v1::DetokenizeRequest back;
  *back.mutable_token_ids() = tokens.token_ids();
  v1::DetokenizeResponse text;
  grpc::ClientContext context;
  ASSERT_TRUE(served_.stub().Detokenize(&context, back, &text).ok());
  EXPECT_EQ(text.text(), request.text());
  EXPECT_EQ(text.raw(), request.text());
}

TEST_F(TokensAndModelTest, DetokenizeMarksBytesThatAreNoCharacter) {
  v1::TokenizeRequest request;
  request.set_text("\xF0\x9F\x90\x89");
  v1::TokenizeResponse tokens;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(served_.stub().Tokenize(&context, request, &tokens).ok());
  }
  ASSERT_GT(tokens.token_ids_size(), 1);
  v1::DetokenizeRequest back;
  back.add_token_ids(tokens.token_ids(0));
  v1::DetokenizeResponse text;
  grpc::ClientContext context;
  ASSERT_TRUE(served_.stub().Detokenize(&context, back, &text).ok());
  EXPECT_EQ(text.text(), "\xEF\xBF\xBD");
  EXPECT_EQ(text.raw(), request.text().substr(0, text.raw().size()));
}

TEST_F(TokensAndModelTest, DetokenizeRefusesTokensThatDoNotExistAndTextsThatAreTooLong) {
  v1::DetokenizeRequest request;
  request.add_token_ids(4096);
  v1::DetokenizeResponse response;
  {
    grpc::ClientContext context;
    EXPECT_THAT(BadFields(served_.stub().Detokenize(&context, request, &response)),
                ElementsAre("token_ids[0]"));
  }
  request.clear_token_ids();
  for (int i = 0; i < 1'000'000; ++i) request.add_token_ids(2762);  // "Once"
  grpc::ClientContext context;
  EXPECT_THAT(BadFields(served_.stub().Detokenize(&context, request, &response)),
              ElementsAre("token_ids"));
}

TEST_F(TokensAndModelTest, GetModelTellsWhatIsServed) {
  grpc::ClientContext context;
  v1::GetModelResponse model;
  ASSERT_TRUE(served_.stub().GetModel(&context, v1::GetModelRequest(), &model).ok());
  EXPECT_EQ(model.name(), "test");
  EXPECT_THAT(model.fingerprint(), ::testing::MatchesRegex("[0-9a-f]{16}-f32-n[0-9]+"));
  EXPECT_NE(model.version(), "");
  EXPECT_EQ(model.architecture().n_ctx(), kEndless);
  EXPECT_EQ(model.architecture().vocab_size(), 4096U);
  EXPECT_EQ(model.architecture().activation_function(), "gelu_new");
  EXPECT_GT(model.architecture().parameters(), 4096U * 8);
  EXPECT_EQ(model.weights().stored_type(), "f32");
  EXPECT_EQ(model.weights().memory_type(), "f32");
  EXPECT_EQ(model.weights().activation_type(), "f32");
  EXPECT_GT(model.weights().memory_bytes(), 0U);
  EXPECT_EQ(model.kv_cache().type(), "f32");
  EXPECT_GE(model.kv_cache().tokens(), kEndless);
  EXPECT_EQ(model.defaults().sampling().temperature(), 0.0F);
  EXPECT_EQ(model.defaults().max_new_tokens(), 128U);
  EXPECT_THAT(model.defaults().eos_token_ids(), ElementsAre(4095));
  EXPECT_EQ(model.limits().max_prompt_tokens(), kEndless - 1);
  EXPECT_EQ(model.limits().max_total_tokens(), kEndless);
  EXPECT_EQ(model.limits().max_running_requests(), 64U);
  EXPECT_EQ(model.limits().max_queued_requests(), 256U);
  EXPECT_EQ(model.limits().max_text_bytes(), 1U << 19);
}

TEST(KvCacheTypeTest, IsToldServedAndPartOfTheFingerprint) {
  const ModelFolder folder;
  for (const auto type : model::kernels::kKvTypes) {
    if (type == model::kernels::KvType::kF32) continue;  // which no fingerprint names
    Served served(folder.path(), [type](Options& options) { options.kv_cache_type = type; });
    const std::string name(Name(type));
    grpc::ClientContext context;
    v1::GetModelResponse model;
    ASSERT_TRUE(served.stub().GetModel(&context, v1::GetModelRequest(), &model).ok());
    EXPECT_EQ(model.kv_cache().type(), name);
    EXPECT_THAT(model.fingerprint(),
                ::testing::MatchesRegex("[0-9a-f]{16}-f32-kv_" + name + "-n[0-9]+"));
    const testing::Stream stream = testing::GenerateStream(served.stub(), testing::Request(5));
    EXPECT_TRUE(stream.status.ok()) << stream.status.error_message();
    EXPECT_EQ(stream.events.back().summary().fingerprint(), model.fingerprint());
  }
}

}  // namespace
}  // namespace cascade::server
