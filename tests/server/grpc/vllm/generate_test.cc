// SPDX-License-Identifier: Apache-2.0
// Generate and Embed of VllmEngine over loopback TCP.
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/server/grpc/vllm/vllm_calls.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using namespace ::cascade::testing;  // NOLINT: the calls of this dialect
using ::google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class VllmGenerateTest : public ::testing::Test {
 protected:
  VllmStub& stub() { return *stub_; }

  // What a client makes of the tokens.
  std::string TextOf(const engine_pb::GenerateComplete& complete) {
    v1::DetokenizeRequest request;
    *request.mutable_token_ids() = complete.output_ids();
    grpc::ClientContext context;
    v1::DetokenizeResponse response;
    EXPECT_TRUE(served_.stub().Detokenize(&context, request, &response).ok());
    return response.text();
  }

  ModelFolder folder_;
  Served served_{folder_.path()};
  std::unique_ptr<VllmStub> stub_ = NewVllmStub(served_);
};

// The same prompt, seed and settings in both dialects.
TEST_F(VllmGenerateTest, TokensAreThoseOfTheNativeDialect) {
  v1::GenerateRequest native = Request(40);
  native.mutable_sampling()->set_temperature(0.75F);
  native.mutable_sampling()->set_top_p(0.5F);
  native.mutable_sampling()->set_seed(11);
  native.mutable_sampling()->set_n(2);
  native.mutable_penalties()->set_frequency(0.5F);
  (*native.mutable_token_rules()->mutable_bias())[100] = 3.0F;
  native.mutable_stopping()->set_min_new_tokens(40);
  native.mutable_response()->set_logprobs(true);
  native.mutable_response()->set_token_ids(true);
  native.mutable_response()->set_candidates(2);
  native.mutable_response()->set_prompt_logprobs(true);
  grpc::ClientContext context;
  v1::GenerateResponse expected;
  ASSERT_TRUE(served_.stub().Generate(&context, native, &expected).ok());

  engine_pb::GenerateRequest request = VllmRequest(40, /*stream=*/false);
  engine_pb::SamplingParams& params = *request.mutable_sampling_params();
  params.set_temperature(0.75F);
  params.set_top_p(0.5F);
  params.set_seed(11);
  params.set_n(2);
  params.set_frequency_penalty(0.5F);
  (*params.mutable_logit_bias())[100] = 3.0F;
  params.set_min_tokens(40);
  params.set_logprobs(2);
  params.set_prompt_logprobs(1);
  const VllmAnswer answer = Generate(stub(), request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_THAT(answer.chunks, IsEmpty());
  ASSERT_THAT(answer.completes, SizeIs(2));
  for (int choice = 0; choice < 2; ++choice) {
    const engine_pb::GenerateComplete& complete =
        answer.completes[static_cast<std::size_t>(choice)];
    const v1::Choice& other = expected.choices(choice);
    EXPECT_EQ(complete.index(), static_cast<std::uint32_t>(choice));
    EXPECT_THAT(complete.output_ids(), ElementsAreArray(other.token_ids()));
    EXPECT_EQ(complete.prompt_tokens(), 4U);
    EXPECT_EQ(complete.completion_tokens(), 40U);
    ASSERT_EQ(complete.output_logprobs().token_logprobs_size(), 40);
    for (int i = 0; i < 40; ++i) {
      EXPECT_EQ(complete.output_logprobs().token_logprobs(i), other.logprobs(i).logprob());
      EXPECT_EQ(complete.output_logprobs().top_logprobs(i).values(1),
                other.logprobs(i).candidates(1).logprob());
    }
    EXPECT_EQ(TextOf(complete), other.text());
    ASSERT_EQ(complete.input_logprobs().token_logprobs_size(), 4);
    EXPECT_EQ(complete.input_logprobs().token_logprobs(3).value(),
              expected.prompt().logprobs(3).logprob());
    EXPECT_EQ(complete.input_logprobs().top_logprobs(3).values_size(), 1);
  }
}

TEST_F(VllmGenerateTest, AStreamSaysWhatTheWholeSays) {
  engine_pb::GenerateRequest request = VllmRequest(40, /*stream=*/false);
  request.mutable_sampling_params()->set_logprobs(2);
  request.mutable_sampling_params()->set_prompt_logprobs(2);
  const VllmAnswer whole = Generate(stub(), request);
  ASSERT_THAT(whole.completes, SizeIs(1));
  request.set_stream(true);
  const VllmAnswer stream = Generate(stub(), request);
  ASSERT_TRUE(stream.status.ok()) << stream.status.error_message();
  ASSERT_THAT(stream.completes, SizeIs(1));
  EXPECT_THAT(stream.ChunkIds(), ElementsAreArray(whole.completes[0].output_ids()));
  EXPECT_THAT(stream.completes[0].output_ids(), ElementsAreArray(stream.ChunkIds()));
  EXPECT_EQ(stream.chunks.back().completion_tokens(), 40U);
  engine_pb::OutputLogProbs put_together;
  for (const auto& chunk : stream.chunks) put_together.MergeFrom(chunk.output_logprobs());
  EXPECT_TRUE(MessageDifferencer::Equals(put_together, whole.completes[0].output_logprobs()));
  EXPECT_TRUE(MessageDifferencer::Equals(stream.chunks[0].input_logprobs(),
                                         whole.completes[0].input_logprobs()));
}

// More tokens than a stream may have unsent: without `stream` none counts as unsent.
TEST_F(VllmGenerateTest, ALongAnswerComesWhole) {
  const VllmAnswer answer = Generate(stub(), VllmRequest(1000, /*stream=*/false));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  ASSERT_THAT(answer.completes, SizeIs(1));
  EXPECT_EQ(answer.completes[0].output_ids_size(), 1000);
  EXPECT_EQ(served_.server().backend().worker.stats().counts.stalls, 0U);
}

TEST_F(VllmGenerateTest, StopsAsItIsTold) {
  const VllmAnswer free = Generate(stub(), VllmRequest(8, /*stream=*/false));
  ASSERT_THAT(free.completes, SizeIs(1));
  const std::uint32_t third = free.completes[0].output_ids(2);
  engine_pb::GenerateRequest request = VllmRequest(8, /*stream=*/false);
  request.mutable_sampling_params()->add_stop_token_ids(third);
  const VllmAnswer answer = Generate(stub(), request);
  ASSERT_THAT(answer.completes, SizeIs(1));
  EXPECT_EQ(answer.completes[0].finish_reason(), "stop");
  EXPECT_EQ(answer.completes[0].matched_token_id(), third);
  EXPECT_LE(answer.completes[0].output_ids_size(), 3);

  const model::Tokenizer& tokenizer = served_.server().backend().tokenizer;
  engine_pb::GenerateRequest by_text = VllmRequest(8, /*stream=*/false);
  by_text.mutable_sampling_params()->mutable_choice()->add_choices("yes, so it is");
  by_text.mutable_sampling_params()->add_stop(", so");
  const VllmAnswer stopped = Generate(stub(), by_text);
  ASSERT_THAT(stopped.completes, SizeIs(1)) << stopped.status.error_message();
  EXPECT_EQ(stopped.completes[0].matched_stop_str(), ", so");
  EXPECT_THAT(
      tokenizer.Decode(std::vector<model::TokenId>(stopped.completes[0].output_ids().begin(),
                                                   stopped.completes[0].output_ids().end())),
      ::testing::StartsWith("yes, so"));
}

TEST_F(VllmGenerateTest, AConstraintHoldsAndALongPromptMayBeCut) {
  engine_pb::GenerateRequest request;
  for (std::uint32_t id = 0; id < 100; ++id) request.mutable_tokenized()->add_input_ids(id);
  engine_pb::SamplingParams& params = *request.mutable_sampling_params();
  params.set_truncate_prompt_tokens(10);
  params.set_max_tokens(50);
  params.set_regex("(ab)+c");
  const VllmAnswer answer = Generate(stub(), request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  ASSERT_THAT(answer.completes, SizeIs(1));
  EXPECT_EQ(answer.completes[0].prompt_tokens(), 10U);
  const auto& ids = answer.completes[0].output_ids();
  const std::string text = served_.server().backend().tokenizer.Decode(
      std::vector<model::TokenId>(ids.begin(), ids.end()));
  EXPECT_THAT(text, ::testing::StartsWith("ab"));
}

TEST_F(VllmGenerateTest, AllThatIsRefusedIsToldByNameAtOnce) {
  engine_pb::GenerateRequest request = VllmRequest(8, /*stream=*/true);
  request.mutable_kv_transfer_params();
  request.set_kv_transfer_params_json("{}");
  request.mutable_mm_inputs();
  request.add_extra_mm_inputs();
  request.mutable_media_refs();
  request.set_data_parallel_rank(1);
  request.mutable_sampling_params()->set_structural_tag("{}");
  request.mutable_sampling_params()->set_top_p(2.0F);
  for (const bool stream : {false, true}) {
    request.set_stream(stream);
    const VllmAnswer answer = Generate(stub(), request);
    EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(BadFields(answer.status),
                ElementsAre("kv_transfer_params", "kv_transfer_params_json", "mm_inputs",
                            "extra_mm_inputs", "media_refs", "data_parallel_rank",
                            "sampling_params.structural_tag", "sampling_params.top_p"));
  }
}

TEST_F(VllmGenerateTest, APromptThatIsTooLongIsToldByName) {
  engine_pb::GenerateRequest request = VllmRequest(8, /*stream=*/false);
  for (std::size_t i = 0; i < kEndless; ++i) request.mutable_tokenized()->add_input_ids(1);
  const VllmAnswer answer = Generate(stub(), request);
  EXPECT_THAT(BadFields(answer.status), ElementsAre("tokenized.input_ids"));
}

TEST_F(VllmGenerateTest, AVectorHasUnitLengthAndIsTheNativeOne) {
  engine_pb::EmbedRequest request;
  for (const std::uint32_t id : {5U, 6U, 7U}) request.mutable_tokenized()->add_input_ids(id);
  engine_pb::EmbedResponse response;
  ASSERT_TRUE(Call(stub(), &VllmStub::Embed, request, response).ok());
  EXPECT_EQ(response.prompt_tokens(), 3U);
  EXPECT_EQ(response.embedding_dim(), 8U);
  v1::EmbedRequest native;
  for (const std::uint32_t id : {5U, 6U, 7U}) {
    if (native.inputs_size() == 0) native.add_inputs();
    native.mutable_inputs(0)->mutable_token_ids()->add_ids(id);
  }
  native.set_normalize(true);
  grpc::ClientContext context;
  v1::EmbedResponse expected;
  ASSERT_TRUE(served_.stub().Embed(&context, native, &expected).ok());
  EXPECT_THAT(response.embedding(), ElementsAreArray(expected.embeddings(0).vectors(0).values()));
  double squares = 0;
  for (const float value : response.embedding()) squares += double{value} * double{value};
  EXPECT_NEAR(std::sqrt(squares), 1.0, 1e-5);

  request.clear_tokenized();
  EXPECT_THAT(BadFields(Call(stub(), &VllmStub::Embed, request, response)),
              ElementsAre("tokenized"));
  request.mutable_tokenized()->add_input_ids(1 << 20);
  EXPECT_THAT(BadFields(Call(stub(), &VllmStub::Embed, request, response)),
              ElementsAre("tokenized.input_ids[0]"));
}

TEST_F(VllmGenerateTest, AnAbortedRequestEndsWithThatReason) {
  engine_pb::GenerateRequest request = VllmRequest(kEndless, /*stream=*/true);
  request.set_request_id("mine");
  grpc::ClientContext context;
  const auto reader = stub().Generate(&context, request);
  engine_pb::GenerateResponse first;
  ASSERT_TRUE(reader->Read(&first));
  engine_pb::AbortRequest abort;
  abort.add_request_ids("mine");
  abort.add_request_ids("nobody's");
  engine_pb::AbortResponse response;
  ASSERT_TRUE(Call(stub(), &VllmStub::Abort, abort, response).ok());
  const VllmAnswer rest = ReadAll(*reader);
  EXPECT_TRUE(rest.status.ok()) << rest.status.error_message();
  ASSERT_THAT(rest.completes, SizeIs(1));
  EXPECT_EQ(rest.completes[0].finish_reason(), "abort");
  served_.DrainAll();
  EXPECT_TRUE(served_.EverythingIsFree());
}

}  // namespace
}  // namespace cascade::server
