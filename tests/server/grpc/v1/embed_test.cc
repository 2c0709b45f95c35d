// SPDX-License-Identifier: Apache-2.0
// Embed as clients see it, over loopback TCP.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/worker.h"
#include "server/grpc/backend.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::BadFields;
using ::cascade::testing::kEndless;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Request;
using ::cascade::testing::Served;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kWidth = 8;  // of the model

// A prompt of `tokens` tokens of its own.
void AddInput(std::size_t tokens, v1::EmbedRequest& request) {
  const auto first = static_cast<std::uint32_t>(request.inputs_size());
  auto& ids = *request.add_inputs()->mutable_token_ids();
  for (std::uint32_t i = 0; i < tokens; ++i) ids.add_ids((first * 31 + i * 7) % 4096);
}

class EmbedTest : public ::testing::Test {
 protected:
  grpc::Status Embed(const v1::EmbedRequest& request) {
    grpc::ClientContext context;
    response_.Clear();
    return served_.stub().Embed(&context, request, &response_);
  }

  // The worker has made more than `steps` steps.
  void WaitForAStepAfter(std::uint64_t steps) {
    const Worker& worker = served_.server().backend().worker;
    while (worker.stats().counts.steps <= steps) std::this_thread::yield();
  }

  // The bytes of the vectors of the answer's input `i`.
  std::string Bits(int i) const {
    std::string bits;
    for (const v1::Vector& vector : response_.embeddings(i).vectors()) {
      bits += vector.SerializeAsString();
    }
    return bits;
  }

  ModelFolder folder_;
  Served served_{folder_.path(), [](Options& options) {
                   options.worker.max_running = 8;
                   options.worker.step_tokens = 16;
                 }};
  v1::EmbedResponse response_;
};

TEST_F(EmbedTest, AnswersInTheOrderOfTheInputs) {
  v1::EmbedRequest request;
  request.set_request_id("mine");
  request.add_inputs()->set_text("Once upon a time");
  AddInput(100, request);
  AddInput(1, request);
  ASSERT_TRUE(Embed(request).ok());
  EXPECT_EQ(response_.request_id(), "mine");
  ASSERT_EQ(response_.embeddings_size(), 3);
  EXPECT_EQ(response_.embeddings(1).prompt_tokens(), 100U);
  EXPECT_EQ(response_.embeddings(2).prompt_tokens(), 1U);
  std::uint32_t tokens = 0;
  for (const v1::Embedding& embedding : response_.embeddings()) {
    ASSERT_EQ(embedding.vectors_size(), 1);
    EXPECT_EQ(embedding.vectors(0).values_size(), static_cast<int>(kWidth));
    tokens += embedding.prompt_tokens();
  }
  const v1::Summary& summary = response_.summary();
  EXPECT_EQ(summary.usage().prompt_tokens(), tokens);
  EXPECT_EQ(summary.usage().generated_tokens(), 0U);
  EXPECT_FALSE(summary.fingerprint().empty());
  EXPECT_TRUE(summary.timings().has_prefill());
}

TEST_F(EmbedTest, AnInputHasTheSameBitsAloneAndAmongMany) {
  for (const v1::Pooling pooling : {v1::POOLING_LAST, v1::POOLING_MEAN, v1::POOLING_TOKENS}) {
    for (const bool bypass : {false, true}) {
      v1::EmbedRequest all;
      all.set_pooling(pooling);
      all.set_normalize(bypass);
      all.mutable_cache()->set_bypass(bypass);
      for (std::size_t i = 0; i < 40; ++i) AddInput(1 + (i * 13) % 90, all);
      ASSERT_TRUE(Embed(all).ok());
      std::vector<std::string> bits;
      for (int i = 0; i < 40; ++i) bits.push_back(Bits(i));
      for (int i = 0; i < 40; i += 7) {
        v1::EmbedRequest one = all;
        one.clear_inputs();
        *one.add_inputs() = all.inputs(i);
        ASSERT_TRUE(Embed(one).ok());
        EXPECT_EQ(Bits(0), bits[static_cast<std::size_t>(i)]) << "input " << i;
      }
    }
  }
}

TEST_F(EmbedTest, PoolingsAgree) {
  v1::EmbedRequest request;
  AddInput(50, request);
  request.set_pooling(v1::POOLING_TOKENS);
  ASSERT_TRUE(Embed(request).ok());
  const v1::Embedding tokens = response_.embeddings(0);
  ASSERT_EQ(tokens.vectors_size(), 50);
  request.set_pooling(v1::POOLING_UNSPECIFIED);
  ASSERT_TRUE(Embed(request).ok());
  const v1::Vector last = response_.embeddings(0).vectors(0);
  EXPECT_EQ(last.SerializeAsString(), tokens.vectors(49).SerializeAsString());
  request.set_pooling(v1::POOLING_MEAN);
  ASSERT_TRUE(Embed(request).ok());
  for (int i = 0; i < static_cast<int>(kWidth); ++i) {
    double sum = 0;
    for (const v1::Vector& vector : tokens.vectors()) sum += static_cast<double>(vector.values(i));
    EXPECT_EQ(response_.embeddings(0).vectors(0).values(i), static_cast<float>(sum / 50));
  }
  request.set_pooling(v1::POOLING_LAST);
  request.set_normalize(true);
  ASSERT_TRUE(Embed(request).ok());
  double squares = 0;
  for (const float x : last.values()) squares += static_cast<double>(x) * static_cast<double>(x);
  for (int i = 0; i < static_cast<int>(kWidth); ++i) {
    EXPECT_FLOAT_EQ(response_.embeddings(0).vectors(0).values(i),
                    last.values(i) / static_cast<float>(std::sqrt(squares)));
  }
}

TEST_F(EmbedTest, TruncatesEachInput) {
  v1::EmbedRequest request;
  AddInput(10, request);
  AddInput(3, request);
  request.mutable_truncation()->set_max_prompt_tokens(4);
  ASSERT_TRUE(Embed(request).ok());
  EXPECT_EQ(response_.embeddings(0).prompt_tokens(), 4U);
  EXPECT_EQ(response_.embeddings(0).truncated_tokens(), 6U);
  EXPECT_EQ(response_.embeddings(1).truncated_tokens(), 0U);
  const std::string truncated = Bits(0);
  request.clear_truncation();
  auto& ids = *request.mutable_inputs(0)->mutable_token_ids()->mutable_ids();
  ids.erase(ids.begin(), ids.begin() + 6);
  ASSERT_TRUE(Embed(request).ok());
  EXPECT_EQ(Bits(0), truncated);
}

TEST_F(EmbedTest, TakesWhatItNeedNotRunFromTheCache) {
  v1::EmbedRequest request;
  AddInput(100, request);
  ASSERT_TRUE(Embed(request).ok());
  EXPECT_EQ(response_.summary().usage().cached_tokens(), 0U);
  ASSERT_TRUE(Embed(request).ok());
  EXPECT_EQ(response_.summary().usage().cached_tokens(), 96U);
  request.set_pooling(v1::POOLING_MEAN);
  ASSERT_TRUE(Embed(request).ok());
  EXPECT_EQ(response_.summary().usage().cached_tokens(), 0U) << "every state is wanted";
}

TEST_F(EmbedTest, NamesEveryFieldThatIsWrong) {
  v1::EmbedRequest request;
  EXPECT_THAT(BadFields(Embed(request)), ElementsAre("inputs"));
  request.set_request_id("\n");
  request.set_priority(-11);
  request.set_pooling(static_cast<v1::Pooling>(9));
  request.mutable_truncation()->set_max_prompt_tokens(0);
  request.add_inputs();
  request.add_inputs()->set_text("");
  request.add_inputs()->mutable_token_ids();
  request.add_inputs()->mutable_token_ids()->add_ids(4096);
  EXPECT_THAT(
      BadFields(Embed(request)),
      ElementsAre("pooling", "request_id", "priority", "truncation.max_prompt_tokens", "inputs[0]",
                  "inputs[1].text", "inputs[2].token_ids.ids", "inputs[3].token_ids.ids[0]"));
}

TEST_F(EmbedTest, RefusesMoreThanItsLimits) {
  v1::GetModelResponse model;
  grpc::ClientContext context;
  ASSERT_TRUE(served_.stub().GetModel(&context, {}, &model).ok());
  v1::EmbedRequest many;
  for (std::uint32_t i = 0; i <= model.limits().max_embed_inputs(); ++i) AddInput(1, many);
  EXPECT_THAT(BadFields(Embed(many)), ElementsAre("inputs"));

  v1::EmbedRequest numbers;
  numbers.set_pooling(v1::POOLING_TOKENS);
  for (int i = 0; i < 33; ++i) AddInput(16'000, numbers);
  const grpc::Status status = Embed(numbers);
  EXPECT_THAT(BadFields(status), ElementsAre("inputs"));
  EXPECT_THAT(status.error_message(), HasSubstr("528000 vectors of 8 numbers"));
}

// Many inputs beside an endless answer: the call never has more than half of the places.
TEST_F(EmbedTest, AManyInputCallLeavesPlacesToOthers) {
  const Worker& worker = served_.server().backend().worker;
  std::size_t most = 0;
  v1::EmbedRequest request;
  for (int i = 0; i < 200; ++i) AddInput(300, request);
  bool done = false;
  Mutex mu;
  std::thread caller([&] {
    EXPECT_TRUE(Embed(request).ok());
    const MutexLock lock(mu);
    done = true;
  });
  while (true) {
    most = std::max(most, worker.stats().running + worker.stats().queued);
    const MutexLock lock(mu);
    if (done) break;
  }
  caller.join();
  EXPECT_LE(most, 8U);  // four, and while one leaves the queue it may be counted twice
  EXPECT_EQ(response_.embeddings_size(), 200);
  served_.DrainAll();
  EXPECT_TRUE(served_.EverythingIsFree());
}

TEST_F(EmbedTest, ACallThatWasLetInIsAnsweredWholeWhileTheServerDrains) {
  v1::EmbedRequest request;
  for (int i = 0; i < 100; ++i) AddInput(1000, request);
  grpc::Status status;
  std::thread caller([&] { status = Embed(request); });
  WaitForAStepAfter(0);
  served_.DrainAll();
  caller.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response_.embeddings_size(), 100);
  EXPECT_TRUE(served_.EverythingIsFree());
}

TEST_F(EmbedTest, TheDrainsDeadlineEndsIt) {
  v1::EmbedRequest request;
  for (int i = 0; i < 100; ++i) AddInput(10'000, request);
  grpc::Status status;
  std::thread caller([&] { status = Embed(request); });
  WaitForAStepAfter(0);
  EXPECT_TRUE(served_.server().Drain(absl::InfinitePast()).ok());
  caller.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
}

TEST_F(EmbedTest, ADeadlineEndsIt) {
  v1::EmbedRequest request;
  for (int i = 0; i < 500; ++i) AddInput(2000, request);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  EXPECT_EQ(served_.stub().Embed(&context, request, &response_).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  while (!served_.EverythingIsFree()) std::this_thread::yield();
}

TEST_F(EmbedTest, AbortAndCancellationEndIt) {
  v1::EmbedRequest request;
  request.set_request_id("long");
  request.mutable_cache()->set_bypass(true);  // or the second call finds all of it
  for (int i = 0; i < 20; ++i) AddInput(10'000, request);
  for (const bool abort : {true, false}) {
    grpc::ClientContext context;
    grpc::Status status;
    v1::EmbedResponse response;
    const std::uint64_t before = served_.server().backend().worker.stats().counts.steps;
    std::thread caller([&] { status = served_.stub().Embed(&context, request, &response); });
    WaitForAStepAfter(before);
    if (abort) {
      grpc::ClientContext abort_context;
      v1::AbortRequest ids;
      ids.add_request_ids("long");
      v1::AbortResponse aborted;
      EXPECT_TRUE(served_.stub().Abort(&abort_context, ids, &aborted).ok());
      EXPECT_THAT(aborted.request_ids(), ElementsAre("long"));
    } else {
      context.TryCancel();
    }
    caller.join();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::CANCELLED);
    while (!served_.EverythingIsFree()) std::this_thread::yield();
  }
}

}  // namespace
}  // namespace cascade::server
