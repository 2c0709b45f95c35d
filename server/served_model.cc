// SPDX-License-Identifier: Apache-2.0

#include "server/served_model.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "model/generation_config.h"
#include "model/gpt2.h"
#include "model/kernels/simd_target.h"
#include "model/weights/gpt2_weights.h"
#include "server/cgroup.h"
#include "server/engine/affinity.h"
#include "server/model_files.h"
#include "server/model_threads.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

// Upper bounds of the KV cache's size when no flag says it: it is touched at start-up, so that no
// process grows under load and is killed there.
constexpr std::uint64_t kMostKvCacheBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kKvCacheShareOfMemory = 4;  // a quarter

constexpr std::uint32_t kDefaultMaxNewTokens = 128;

// Enough hex digits of the weights' hash to tell any two models apart.
constexpr std::size_t kFingerprintDigits = 16;

std::string Fingerprint(const model::WeightsReport& weights, model::kernels::KvType kv_type) {
  const std::string rounded = kv_type == model::kernels::KvType::kF32
                                  ? ""
                                  : absl::StrCat("-kv_", std::string(Name(kv_type)));
  return absl::StrCat(weights.fingerprint.substr(0, kFingerprintDigits), "-",
                      std::string(model::kernels::Name(weights.memory_type)), rounded, "-n",
                      kNumericsVersion);
}

// The model's defaults with nothing left open.
absl::StatusOr<model::GenerationConfig> LoadDefaults(const Options& options,
                                                     const model::ModelConfig& config) {
  absl::StatusOr<model::GenerationConfig> defaults = model::GenerationConfig();
  if (options.use_generation_config) defaults = model::LoadGenerationConfig(options.model);
  if (!defaults.ok()) return defaults;
  if (!defaults->max_new_tokens.has_value()) defaults->max_new_tokens = kDefaultMaxNewTokens;
  if (defaults->eos_token_ids.empty()) defaults->eos_token_ids = config.eos_token_ids;
  // As in config.json: models that were scaled down inherit GPT-2's 50256, which they never make.
  std::erase_if(defaults->eos_token_ids,
                [&config](model::TokenId id) { return id >= config.vocab_size; });
  return defaults;
}

absl::StatusOr<std::size_t> NumKvBlocks(const Options& options, const model::ModelConfig& config) {
  const std::uint64_t block_bytes = model::KvCache::BytesPerBlock(config, options.kv_cache_type);
  if (options.kv_cache_bytes.has_value()) {
    const std::uint64_t blocks = *options.kv_cache_bytes / block_bytes;
    if (blocks > 0 && blocks <= std::numeric_limits<model::BlockId>::max()) return blocks;
    return absl::InvalidArgumentError(
        absl::StrCat("--kv_cache_bytes=", *options.kv_cache_bytes, ": must be ", block_bytes,
                     " (one block of this model) to ", std::numeric_limits<model::BlockId>::max(),
                     " times that"));
  }
  const std::uint64_t one_sequence = model::KvCache::BlocksFor(config.n_ctx);
  const std::uint64_t most = std::min(kMostKvCacheBytes, MemoryLimit() / kKvCacheShareOfMemory);
  return std::clamp(options.worker.max_running * one_sequence, one_sequence,
                    std::max(one_sequence, most / block_bytes));
}

std::size_t MaxTokenBytes(const model::Tokenizer& tokenizer) {
  std::size_t most = 0;
  for (model::TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    most = std::max(most, tokenizer.Bytes(id).size());
  }
  return most;
}

void LogLoaded(const ModelInfo& info, const Options& options, std::size_t cache_bytes,
               absl::Duration took) {
  const model::WeightsReport& weights = info.weights;
  Log(LogLevel::kInfo, "model loaded",
      {{"name", info.name},
       {"parameters", weights.parameters},
       {"stored_type", std::string(model::kernels::Name(weights.stored_type))},
       {"memory_type", std::string(model::kernels::Name(weights.memory_type))},
       {"memory_bytes", weights.memory_bytes},
       {"seconds", absl::ToDoubleSeconds(took)},
       {"fingerprint", info.fingerprint},
       {"simd", model::kernels::SimdTargetName()},
       {"threads", options.threads},
       {"kv_cache_type", std::string(Name(options.kv_cache_type))},
       {"kv_cache_bytes", cache_bytes},
       {"kv_cache_tokens", info.cache_positions},
       {"n_ctx", info.config.n_ctx}});
  if (weights.nan_count == 0) return;
  Log(LogLevel::kWarning, "the weights contain NaN: the file is probably broken",
      {{"name", info.name}, {"nan_count", weights.nan_count}});
}

}  // namespace

// What Load makes before there is anything to hold it.
struct ServedModel::Parts {
  ModelInfo info;
  model::Tokenizer tokenizer;
  std::unique_ptr<model::Executor> executor;
  std::unique_ptr<model::Gpt2> gpt2;
  model::KvCache cache;
  WorkerOptions worker;
};

ServedModel::ServedModel(Parts parts)
    : info_(std::move(parts.info)),
      tokenizer_(std::move(parts.tokenizer)),
      executor_(std::move(parts.executor)),
      admission_(info_.max_running + info_.max_queued),
      open_generations_(2 * admission_.limit()),
      worker_(std::move(parts.gpt2), std::move(parts.cache), tokenizer_, parts.worker),
      backend_{info_, tokenizer_, admission_, open_generations_, worker_} {}

absl::StatusOr<std::unique_ptr<ServedModel>> ServedModel::Load(const Options& options) {
  const absl::Time begin = absl::Now();
  if (absl::Status status = model::kernels::SetSimdTarget(options.simd); !status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--simd=", options.simd, ": ", status.message()));
  }
  if (absl::Status status = CheckWorkerOptions(options.worker, options.worker.step_tokens);
      !status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--max_running, --step_tokens: ", status.message()));
  }
  // The small files first: what is wrong with them is said at once.
  absl::StatusOr<model::ModelConfig> config = model::LoadModelConfig(options.model);
  if (!config.ok()) return config.status();
  absl::StatusOr<model::GenerationConfig> defaults = LoadDefaults(options, *config);
  if (!defaults.ok()) return defaults.status();
  const absl::StatusOr<std::size_t> blocks = NumKvBlocks(options, *config);
  if (!blocks.ok()) return blocks.status();

  ModelThreads threads = StartModelThreads(options);
  model::Executor& executor = *threads.executor;
  absl::StatusOr<ModelFiles> files = LoadModelFiles(options, *config, executor);
  if (!files.ok()) return files.status();
  absl::StatusOr<model::KvCache> cache =
      model::KvCache::Create(*config, *blocks, options.kv_cache_type, executor);
  if (!cache.ok()) return cache.status();

  ModelInfo info = {.name = options.model_name,
                    .fingerprint = Fingerprint(files->weights.report, options.kv_cache_type),
                    .config = *config,
                    .defaults = *std::move(defaults),
                    .weights = files->weights.report,
                    .cache_type = options.kv_cache_type,
                    .cache_positions = *blocks * model::kernels::kBlockPositions,
                    .max_running = options.worker.max_running,
                    .max_queued = options.worker.max_queued,
                    .max_priority = options.max_priority,
                    .max_token_bytes = MaxTokenBytes(files->tokenizer),
                    .stalled_reader_limit = options.worker.stalled_reader_limit};
  auto gpt2 = std::make_unique<model::Gpt2>(*config, std::move(files->weights.weights),
                                            options.worker.step_tokens, executor);
  LogLoaded(info, options, *blocks * model::KvCache::BytesPerBlock(*config, options.kv_cache_type),
            absl::Now() - begin);
  std::optional<AffinityScope> tied;  // the worker's thread is made within it
  if (threads.worker_cpu) tied.emplace(*threads.worker_cpu);
  return std::unique_ptr<ServedModel>(
      new ServedModel({std::move(info), std::move(files->tokenizer), std::move(threads.executor),
                       std::move(gpt2), *std::move(cache), options.worker}));
}

}  // namespace cascade::server
