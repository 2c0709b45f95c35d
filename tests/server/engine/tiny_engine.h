// SPDX-License-Identifier: Apache-2.0
// An engine that steps in microseconds, for tests of everything but the numbers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/generation/decoding_step.h"
#include "model/generation/generation_params.h"
#include "model/gpt2.h"
#include "model/kernels/element_types.h"
#include "model/token.h"
#include "model/tokenizer/tokenizer.h"
#include "model/weights/gpt2_weights.h"
#include "server/engine/generation_request.h"
#include "server/engine/mutex.h"
#include "server/engine/token_sink.h"
#include "server/engine/worker.h"

namespace cascade::testing {

// A clock that stands still until the test moves it. Any thread.
class ManualClock {
 public:
  absl::Time now() const ABSL_LOCKS_EXCLUDED(mu_) {
    const server::MutexLock lock(mu_);
    return now_;
  }
  void Advance(absl::Duration by) ABSL_LOCKS_EXCLUDED(mu_) {
    const server::MutexLock lock(mu_);
    now_ += by;
  }

 private:
  mutable server::Mutex mu_;
  absl::Time now_ ABSL_GUARDED_BY(mu_) = absl::UnixEpoch();
};

// Runs inline, and calls `before` first: it may throw, as a step that finds no memory does.
class FaultyExecutor final : public model::Executor {
 public:
  std::function<void()> before;  // set while no step runs

  void ForRanges(std::size_t count, std::size_t grain, Body body) override {
    if (before) before();
    inline_.ForRanges(count, grain, body);
  }

 private:
  model::InlineExecutor inline_;
};

// Two blocks wide, 64 positions, tokens that are single bytes.
model::ModelConfig TinyConfig();

struct TinyEngineOptions {
  std::size_t blocks = 32;
  model::kernels::Precision precision = model::kernels::WeightType::kF32;
  model::kernels::KvType kv_type = model::kernels::KvType::kF32;
  server::WorkerOptions worker = {};
  model::Executor* executor = nullptr;  // null: inline
  std::function<void(model::Gpt2Weights&)> change_weights = {};
};

// The model that MakeTinyWorker gives its worker.
std::unique_ptr<model::Gpt2> MakeTinyModel(const TinyEngineOptions& options);

// What `params` ask for of the prompt's own log-probabilities: the prompt as one batch, alone.
// REQUIRES: the model steps so many rows, and the cache has blocks for them.
std::vector<model::GeneratedToken> ScorePromptAlone(model::LanguageModel& model,
                                                    model::KvCache& cache,
                                                    std::span<const model::TokenId> prompt,
                                                    const model::OutputParams& params);

// The final hidden states of the prompt's tokens from `from` on, row by row: the prompt as one
// batch, alone. REQUIRES: as ScorePromptAlone.
std::vector<float> HiddenStatesAlone(model::LanguageModel& model, model::KvCache& cache,
                                     std::span<const model::TokenId> prompt, std::size_t from);

// `tokenizer` is borrowed.
std::unique_ptr<server::Worker> MakeTinyWorker(const model::Tokenizer& tokenizer,
                                               const TinyEngineOptions& options);

// The bundled model's.
model::Tokenizer BundledTokenizer();

// A greedy request for exactly `max_new_tokens` tokens (or until the context is full).
server::GenerationRequest Request(std::size_t prompt_tokens, std::size_t max_new_tokens,
                                  server::TokenSink& sink);

}  // namespace cascade::testing
