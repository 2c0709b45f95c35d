// The promise, through the engine: a request gives the same tokens, the same log-probabilities and
// the same text, to the last bit, alone and in any company, in any order of arrival, for every
// number of rows a step, with any number of threads, on every SIMD target.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/generation/generator.h"
#include "model/gpt2.h"
#include "model/kernels/simd_target.h"
#include "model/tokenizer/tokenizer.h"
#include "model/weights/gpt2_weights.h"
#include "server/engine/thread_pool.h"
#include "server/engine/worker.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/support/random_weights.h"

namespace cascade::server {
namespace {

using testing::RecordingSink;

constexpr char kFolder[] = CASCADE_SOURCE_DIR "/deploy/models/tales-7m";
constexpr std::size_t kMaxRunning = 64;
constexpr std::size_t kLongestPrompt = 400;
constexpr std::size_t kRequests = CASCADE_DETERMINISM_REQUESTS;  // 64, fewer under a sanitizer

struct Prompted {
  std::vector<model::TokenId> prompt;
  model::GenerationParams params;
};

// Greedy and seeded by turns, prompts of 1 to `longest_prompt` tokens, with and without log-
// probabilities and stop strings.
std::vector<Prompted> MixedRequests(std::size_t count, std::size_t longest_prompt,
                                    const model::ModelConfig& config) {
  std::mt19937 rng(11);
  std::vector<Prompted> requests(count);
  for (std::size_t i = 0; i < count; ++i) {
    Prompted& request = requests[i];
    const std::size_t length = 1 + i * (longest_prompt - 1) / (count - 1);
    for (std::size_t t = 0; t < length; ++t) {
      request.prompt.push_back(static_cast<model::TokenId>(rng() % config.vocab_size));
    }
    request.params.sampling = {.temperature = i % 2 == 0 ? 0.0F : 0.9F,
                               .top_k = i % 3 == 0 ? 40U : 0U,
                               .top_p = i % 5 == 0 ? 0.9F : 1.0F,
                               .seed = rng()};
    request.params.stopping.max_new_tokens = 1 + rng() % 24;
    request.params.stopping.eos_token_ids = config.eos_token_ids;
    if (i % 7 == 0) request.params.stopping.stop = {"the end"};
    request.params.output = {.logprobs = i % 4 != 0, .candidates = i % 4};
  }
  return requests;
}

// Everything that a client sees of a result, floats as their bits.
struct Result {
  std::vector<model::TokenId> tokens;
  std::vector<std::uint32_t> log_prob_bits;
  std::string text;
  model::FinishReason reason = model::FinishReason::kMaxTokens;

  friend bool operator==(const Result&, const Result&) = default;
};

std::ostream& operator<<(std::ostream& out, const Result& result) {
  out << "tokens";
  for (const model::TokenId token : result.tokens) out << " " << token;
  out << ", log-probabilities' bits" << std::hex;
  for (const std::uint32_t bits : result.log_prob_bits) out << " " << bits;
  return out << std::dec;
}

Result MakeResult(const std::vector<model::GeneratedToken>& tokens, const std::string& text,
                  const model::Finish& finish) {
  Result result;
  result.text = text;
  result.reason = finish.reason;
  for (const model::GeneratedToken& token : tokens) {
    result.tokens.push_back(token.id);
    if (!token.log_probs) continue;
    result.log_prob_bits.push_back(std::bit_cast<std::uint32_t>(token.log_probs->chosen));
    for (const model::TokenLogProb& candidate : token.log_probs->candidates) {
      result.log_prob_bits.push_back(candidate.token);
      result.log_prob_bits.push_back(std::bit_cast<std::uint32_t>(candidate.log_prob));
    }
  }
  return result;
}

// The bundled model, or a small random one with its vocabulary and context.
enum class Which : std::uint8_t { kBundled, kSmall };

class DeterminismTest : public ::testing::Test {
 protected:
  ~DeterminismTest() override { EXPECT_TRUE(model::kernels::SetSimdTarget("auto").ok()); }

  void Use(Which which) {
    which_ = which;
    config_ = *model::LoadModelConfig(kFolder);
    if (which == Which::kBundled) return;
    config_.n_layer = 2;
    config_.n_head = 4;
    config_.n_embd = 32;
    config_.n_inner = 128;
  }

  std::unique_ptr<model::Gpt2> MakeModel(std::size_t max_rows, model::Executor& executor) const {
    model::Gpt2Weights weights =
        which_ == Which::kBundled
            ? (*model::LoadGpt2Weights(kFolder, config_, std::nullopt, executor)).weights
            : testing::RandomGpt2Weights(config_, model::kernels::WeightType::kF32, 5, executor);
    return std::make_unique<model::Gpt2>(config_, std::move(weights), max_rows, executor);
  }

  // Each request with the library alone.
  std::vector<Result> Alone(const std::vector<Prompted>& requests) const {
    model::InlineExecutor executor;
    const std::unique_ptr<model::Gpt2> model = MakeModel(kLongestPrompt, executor);
    model::KvCache cache = *model::KvCache::Create(config_, 32);
    model::Generator generator(*model, tokenizer_, cache);
    std::vector<Result> results;
    for (const Prompted& request : requests) {
      const model::Generation generation =
          *generator.Generate(request.prompt, request.params, [](const model::DecodingStep&) {});
      results.push_back(MakeResult(generation.tokens, generation.text, generation.finish));
    }
    return results;
  }

  // All at once through the engine, submitted in `order`; results in the order of `requests`.
  std::vector<Result> Together(const std::vector<Prompted>& requests,
                               const std::vector<std::size_t>& order, std::size_t threads,
                               std::size_t step_tokens) const {
    ThreadPool pool(threads);
    std::vector<RecordingSink> sinks(requests.size());
    Worker worker(MakeModel(step_tokens, pool), *model::KvCache::Create(config_, 400), tokenizer_,
                  {.max_running = std::min(kMaxRunning, step_tokens), .step_tokens = step_tokens});
    for (const std::size_t i : order) {
      GenerationRequest request;
      request.prompt = requests[i].prompt;
      request.params = requests[i].params;
      request.sink = &sinks[i];
      worker.Submit(std::move(request));
    }
    std::vector<Result> results;
    for (const RecordingSink& sink : sinks) {
      const testing::SinkRecord record = sink.Await();
      EXPECT_EQ(record.end, absl::OkStatus());
      results.push_back(MakeResult(record.tokens, record.text, *record.finish));
    }
    return results;
  }

  Which which_ = Which::kBundled;
  model::ModelConfig config_;
  const model::Tokenizer tokenizer_ = *model::Tokenizer::Load(kFolder);
};

std::vector<std::size_t> InOrder(std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

std::vector<std::size_t> Shuffled(std::size_t count, unsigned seed) {
  std::vector<std::size_t> order = InOrder(count);
  std::shuffle(order.begin(), order.end(), std::mt19937(seed));
  return order;
}

void ExpectSame(const std::vector<Result>& actual, const std::vector<Result>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_EQ(actual[i], expected[i]) << "request " << i;
  }
}

// The "scalar" target, plain C++, would take minutes for the bundled model and all the requests: it
// runs them all on the small model, and few short ones on the bundled model.
bool IsFast(const std::string& target) { return target != "scalar"; }

TEST_F(DeterminismTest, BundledModelAloneAllAtOnceAndShuffledOnOneThreadAndFour) {
  Use(Which::kBundled);
  const std::vector<Prompted> requests = MixedRequests(kRequests, kLongestPrompt, config_);
  const std::vector<Result> alone = Alone(requests);
  for (const std::string& target : model::kernels::SupportedSimdTargets()) {
    if (!IsFast(target)) continue;
    SCOPED_TRACE(target);
    ASSERT_TRUE(model::kernels::SetSimdTarget(target).ok());
    ExpectSame(Together(requests, InOrder(kRequests), /*threads=*/1, 256), alone);
    ExpectSame(Together(requests, Shuffled(kRequests, 1), /*threads=*/4, 256), alone);
  }
}

TEST_F(DeterminismTest, SmallModelAloneAllAtOnceAndShuffledOnOneThreadAndFourOnEveryTarget) {
  Use(Which::kSmall);
  const std::vector<Prompted> requests = MixedRequests(kRequests, kLongestPrompt, config_);
  const std::vector<Result> alone = Alone(requests);
  for (const std::string& target : model::kernels::SupportedSimdTargets()) {
    SCOPED_TRACE(target);
    ASSERT_TRUE(model::kernels::SetSimdTarget(target).ok());
    ExpectSame(Alone(requests), alone);
    for (const std::size_t threads : {1U, 4U}) {
      SCOPED_TRACE(threads);
      ExpectSame(Together(requests, InOrder(kRequests), threads, 256), alone);
      ExpectSame(Together(requests, Shuffled(kRequests, 2), threads, 256), alone);
    }
  }
}

TEST_F(DeterminismTest, BundledModelOnTheScalarTargetForShortRequests) {
  Use(Which::kBundled);
  const std::vector<Prompted> requests = MixedRequests(12, 30, config_);
  const std::vector<Result> alone = Alone(requests);
  ASSERT_TRUE(model::kernels::SetSimdTarget("scalar").ok());
  ExpectSame(Together(requests, Shuffled(12, 3), /*threads=*/4, 64), alone);
}

TEST_F(DeterminismTest, WhateverTheRowsOfAStep) {
  Use(Which::kBundled);
  const std::vector<Prompted> requests = MixedRequests(16, 120, config_);
  const std::vector<Result> alone = Alone(requests);
  for (const std::size_t step_tokens : {1U, 2U, 7U, 16U, 33U, 512U}) {
    SCOPED_TRACE(step_tokens);
    ExpectSame(Together(requests, Shuffled(16, 4), /*threads=*/2, step_tokens), alone);
  }
}

}  // namespace
}  // namespace cascade::server
