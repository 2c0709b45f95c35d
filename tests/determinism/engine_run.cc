// SPDX-License-Identifier: Apache-2.0

#include "tests/determinism/engine_run.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/cache/kv_cache.h"
#include "model/executor.h"
#include "model/generation/generator.h"
#include "model/gpt2.h"
#include "server/engine/generation_request.h"
#include "server/engine/thread_pool.h"
#include "server/engine/worker.h"
#include "tests/server/engine/recording_sink.h"

namespace cascade::testing {
namespace {

constexpr std::size_t kMaxRunning = 64;

absl::StatusOr<std::unique_ptr<model::Gpt2>> MakeModel(const Subject& subject, std::size_t max_rows,
                                                       model::Executor& executor) {
  absl::StatusOr<model::Gpt2Weights> weights =
      WeightsOf(subject.model, subject.types.weights, executor);
  if (!weights.ok()) return weights.status();
  return std::make_unique<model::Gpt2>(subject.model.config, *std::move(weights), max_rows,
                                       executor);
}

absl::StatusOr<model::KvCache> MakeCache(const Subject& subject, std::size_t blocks) {
  return model::KvCache::Create(subject.model.config, blocks, subject.types.kv);
}

std::vector<std::size_t> OrderOfArrival(std::size_t count, const Schedule& schedule) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (schedule.shuffled) {
    std::shuffle(order.begin(), order.end(), std::mt19937(*schedule.shuffled));
  }
  return order;
}

}  // namespace

std::string Name(const Schedule& schedule) {
  return absl::StrCat("threads=", schedule.threads, " step_tokens=", schedule.step_tokens,
                      " cache_blocks=", schedule.cache_blocks,
                      schedule.shuffled ? " shuffled" : " in order");
}

absl::StatusOr<std::vector<Answer>> Together(const Subject& subject,
                                             const std::vector<TestRequest>& requests,
                                             const Schedule& schedule) {
  server::ThreadPool pool(schedule.threads);
  absl::StatusOr<std::unique_ptr<model::Gpt2>> model =
      MakeModel(subject, schedule.step_tokens, pool);
  if (!model.ok()) return model.status();
  absl::StatusOr<model::KvCache> cache = MakeCache(subject, schedule.cache_blocks);
  if (!cache.ok()) return cache.status();

  std::vector<RecordingSink> sinks(requests.size());
  server::Worker worker(*std::move(model), *std::move(cache), subject.tokenizer,
                        {.max_running = std::min(kMaxRunning, schedule.step_tokens),
                         .step_tokens = schedule.step_tokens});
  for (const std::size_t i : OrderOfArrival(requests.size(), schedule)) {
    server::GenerationRequest request;
    request.prompt = requests[i].prompt;
    request.params = requests[i].params;
    request.sink = &sinks[i];
    worker.Submit(std::move(request));
  }

  std::vector<Answer> answers;
  for (const RecordingSink& sink : sinks) {
    const SinkRecord record = sink.Await();
    if (!record.end->ok()) return *record.end;
    answers.push_back(MakeAnswer(record.tokens, record.text, *record.finish));
  }
  return answers;
}

absl::StatusOr<std::vector<Answer>> Alone(const Subject& subject,
                                          const std::vector<TestRequest>& requests) {
  model::InlineExecutor executor;
  const std::size_t n_ctx = subject.model.config.n_ctx;
  absl::StatusOr<std::unique_ptr<model::Gpt2>> model = MakeModel(subject, n_ctx, executor);
  if (!model.ok()) return model.status();
  absl::StatusOr<model::KvCache> cache = MakeCache(subject, model::KvCache::BlocksFor(n_ctx));
  if (!cache.ok()) return cache.status();

  model::Generator generator(**model, subject.tokenizer, *cache);
  std::vector<Answer> answers;
  for (const TestRequest& request : requests) {
    const absl::StatusOr<model::Generation> generation =
        generator.Generate(request.prompt, request.params, [](const model::DecodingStep&) {});
    if (!generation.ok()) return generation.status();
    answers.push_back(MakeAnswer(generation->tokens, generation->text, generation->finish));
  }
  return answers;
}

}  // namespace cascade::testing
