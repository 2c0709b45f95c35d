// SPDX-License-Identifier: Apache-2.0
// Models whose tokenizer has more tokens than they have, another folder's tokenizer, or none.
#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace cascade::server {
namespace {

using ::cascade::testing::BadFields;
using ::cascade::testing::BundledModelFolder;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Served;
using ::cascade::testing::SourcePath;
using ::cascade::testing::TestOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

grpc::Status Generate(Served& served, const v1::GenerateRequest& request,
                      v1::GenerateResponse& response) {
  grpc::ClientContext context;
  return served.stub().Generate(&context, request, &response);
}

v1::GenerateRequest OfTokens(const std::vector<std::uint32_t>& ids) {
  v1::GenerateRequest request;
  request.mutable_token_ids()->mutable_ids()->Assign(ids.begin(), ids.end());
  request.mutable_stopping()->set_max_new_tokens(3);
  request.mutable_stopping()->set_ignore_eos(true);
  request.mutable_response()->set_token_ids(true);
  return request;
}

TEST(TokenizerChoiceTest, TokensThatOnlyTheTokenizerHasAreRefusedByName) {
  const ModelFolder folder;
  folder.Write("added_tokens.json", R"({"[PAD]": 4096})");
  Served served(folder.path());
  v1::GenerateResponse response;
  EXPECT_TRUE(Generate(served, OfTokens({4095}), response).ok());
  const grpc::Status by_id = Generate(served, OfTokens({1, 4096}), response);
  EXPECT_EQ(by_id.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(BadFields(by_id), ElementsAre("token_ids.ids[1]"));
  EXPECT_THAT(by_id.error_message(), HasSubstr("is 4096 (\"[PAD]\")"));
  v1::GenerateRequest text;
  text.set_text("Once[PAD]");
  const grpc::Status by_text = Generate(served, text, response);
  EXPECT_EQ(by_text.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(BadFields(by_text), ElementsAre("text"));
  EXPECT_THAT(by_text.error_message(), HasSubstr("4096 (\"[PAD]\")"));
}

TEST(TokenizerChoiceTest, WithoutATokenizerTokenIdsAreServedAndTextIsRefused) {
  const ModelFolder folder;
  folder.Write("vocab.json", "broken");
  Served served(folder.path(), [](Options& options) { options.tokenizer = "none"; });
  v1::GenerateResponse response;
  ASSERT_TRUE(Generate(served, OfTokens({1, 2}), response).ok());
  EXPECT_EQ(response.choices(0).token_ids_size(), 3);
  EXPECT_THAT(response.choices(0).text(), IsEmpty());

  v1::GenerateRequest text;
  text.set_text("Once");
  EXPECT_EQ(Generate(served, text, response).error_code(), grpc::FAILED_PRECONDITION);
  v1::GenerateRequest stop = OfTokens({1});
  stop.mutable_stopping()->add_stop("x");
  EXPECT_THAT(BadFields(Generate(served, stop, response)), ElementsAre("stopping.stop"));
  grpc::ClientContext tokenize;
  v1::TokenizeRequest tokenize_request;
  tokenize_request.set_text("Once");
  v1::TokenizeResponse tokens;
  EXPECT_EQ(served.stub().Tokenize(&tokenize, tokenize_request, &tokens).error_code(),
            grpc::FAILED_PRECONDITION);
  grpc::ClientContext detokenize;
  v1::DetokenizeRequest detokenize_request;
  detokenize_request.add_token_ids(1);
  v1::DetokenizeResponse detokenized;
  EXPECT_EQ(served.stub().Detokenize(&detokenize, detokenize_request, &detokenized).error_code(),
            grpc::FAILED_PRECONDITION);
  grpc::ClientContext model;
  v1::GetModelResponse info;
  ASSERT_TRUE(served.stub().GetModel(&model, {}, &info).ok());
  EXPECT_TRUE(info.token_ids_only());
}

TEST(TokenizerChoiceTest, AnotherFoldersTokenizer) {
  const ModelFolder folder;
  folder.Write("vocab.json", "broken");
  Served served(folder.path(), [](Options& options) { options.tokenizer = BundledModelFolder(); });
  grpc::ClientContext context;
  v1::TokenizeRequest request;
  request.set_text("Once");
  v1::TokenizeResponse tokens;
  ASSERT_TRUE(served.stub().Tokenize(&context, request, &tokens).ok());
  EXPECT_THAT(tokens.token_ids(), ElementsAre(2762));
}

TEST(TokenizerChoiceTest, ABrokenOneSaysWhatServesWithout) {
  const ModelFolder folder;
  folder.Write("vocab.json", "broken");
  Server server(TestOptions(folder.path()));
  const absl::Status status = server.LoadModel();
  EXPECT_THAT(std::string(status.message()), HasSubstr("vocab.json: not valid JSON"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--tokenizer=none serves"));
}

TEST(TokenizerChoiceTest, OneOfAnotherModelIsRefused) {
  const ModelFolder folder;
  Options options = TestOptions(folder.path());
  options.tokenizer = SourcePath("tests/golden/tokenizer/gpt2");
  Server server(options);
  EXPECT_THAT(std::string(server.LoadModel().message()),
              HasSubstr("the tokenizer has 50256 tokens, but the model has embeddings for 4096"));
}

}  // namespace
}  // namespace cascade::server
