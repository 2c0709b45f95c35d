// SPDX-License-Identifier: Apache-2.0

#include "tests/determinism/engine_run.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/cache/kv_cache.h"
#include "model/executor.h"
#include "model/generation/beam_generator.h"
#include "model/generation/generator.h"
#include "model/generation/token_log_probs.h"
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
      WeightsOf(subject.model, subject.types.precision, executor);
  if (!weights.ok()) return weights.status();
  return std::make_unique<model::Gpt2>(subject.model.config, *std::move(weights), max_rows,
                                       executor);
}

absl::StatusOr<model::KvCache> MakeCache(const Subject& subject, std::size_t blocks) {
  return model::KvCache::Create(subject.model.config, blocks, subject.types.kv);
}

// A request that generates nothing: its prompt as one batch.
Answer PromptAlone(model::LanguageModel& model, model::KvCache& cache, const TestRequest& request) {
  const model::BlockTable blocks = *cache.TryAllocate(request.prompt.size());
  model::Batch batch;
  batch.Add(blocks, 0, request.prompt);
  const model::RowRange all{.first = 0, .count = request.prompt.size()};
  const model::StepOutputs outputs =
      model.Forward(batch, {.logits = {&all, 1}, .hidden = {&all, 1}}, cache);
  std::vector<model::GeneratedToken> scored;
  std::vector<float> hidden;
  const model::OutputParams& output = request.params.output;
  for (std::size_t i = request.hidden_from.value_or(output.prompt_logprobs_from.value_or(0));
       i < request.prompt.size(); ++i) {
    if (request.hidden_from) {
      const std::span<const float> state = outputs.hidden.Row(i);
      hidden.insert(hidden.end(), state.begin(), state.end());
      continue;
    }
    scored.push_back({.id = request.prompt[i], .log_probs = {}});
    if (i == 0) continue;
    scored.back().log_probs =
        model::LogProbsOf(outputs.logits.Row(i - 1), request.prompt[i], output);
  }
  return MakePromptAnswer(scored, hidden);
}

absl::StatusOr<model::Generation> BestBeam(model::LanguageModel& model,
                                           const model::Tokenizer& tokenizer, model::KvCache& cache,
                                           const TestRequest& request) {
  absl::StatusOr<std::vector<model::Generation>> beams =
      model::GenerateBeams(model, tokenizer, cache, request.prompt, request.params);
  if (!beams.ok()) return beams.status();
  return std::move(beams->front());
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
    request.hidden_from = requests[i].hidden_from;
    if (request.params.beams) request.choices = request.params.beams->width;
    request.sink = &sinks[i];
    worker.Submit(std::move(request));
  }

  std::vector<Answer> answers;
  for (const RecordingSink& sink : sinks) {
    const SinkRecord record = sink.Await();
    if (!record.end->ok()) return *record.end;
    answers.push_back(record.finish ? MakeAnswer(record.tokens, record.text, *record.finish)
                                    : MakePromptAnswer(record.prompt, record.hidden));
  }
  return answers;
}

absl::StatusOr<std::vector<Answer>> Alone(const Subject& subject,
                                          const std::vector<TestRequest>& requests) {
  model::InlineExecutor executor;
  const std::size_t n_ctx = subject.model.config.n_ctx;
  absl::StatusOr<std::unique_ptr<model::Gpt2>> model = MakeModel(subject, n_ctx, executor);
  if (!model.ok()) return model.status();
  absl::StatusOr<model::KvCache> cache = MakeCache(subject, 2 * model::KvCache::BlocksFor(n_ctx));
  if (!cache.ok()) return cache.status();

  model::Generator generator(**model, subject.tokenizer, *cache);
  std::vector<Answer> answers;
  for (const TestRequest& request : requests) {
    if (request.params.stopping.max_new_tokens == 0) {
      answers.push_back(PromptAlone(**model, *cache, request));
      continue;
    }
    const absl::StatusOr<model::Generation> generation =
        request.params.beams
            ? BestBeam(**model, subject.tokenizer, *cache, request)
            : generator.Generate(request.prompt, request.params, [](const model::DecodingStep&) {});
    if (!generation.ok()) return generation.status();
    answers.push_back(MakeAnswer(generation->tokens, generation->text, generation->finish));
  }
  return answers;
}

}  // namespace cascade::testing
