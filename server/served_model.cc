// SPDX-License-Identifier: Apache-2.0

#include "server/served_model.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "model/generation/vocabulary_trie.h"
#include "model/generation_config.h"
#include "model/gpt2.h"
#include "model/kernels/integer_units.h"
#include "model/kernels/simd_target.h"
#include "model/source/model_source.h"
#include "model/weights/file_memory.h"
#include "model/weights/gpt2_weights.h"
#include "server/cgroup.h"
#include "server/engine/affinity.h"
#include "server/engine/clock.h"
#include "server/model_files.h"
#include "server/model_threads.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

// Upper bounds of the KV cache's size when no flag sets it. They matter because all of the cache is
// touched at start-up, so that the process does not grow under load and is killed there.
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
                      Name(weights.precision), rounded, "-n", NumericsVersion(kv_type));
}

// The model's defaults, with a value for what its files leave out.
absl::StatusOr<model::GenerationConfig> ReadDefaults(const Options& options,
                                                     const model::ModelSource& source,
                                                     const model::ModelConfig& config) {
  absl::StatusOr<model::GenerationConfig> defaults = model::GenerationConfig();
  if (options.use_generation_config) {
    defaults = model::ReadDefaults(source, config);
    if (!defaults.ok()) return defaults;
  } else {
    defaults->eos_token_ids = config.eos_token_ids;
  }
  if (!defaults->max_new_tokens.has_value()) defaults->max_new_tokens = kDefaultMaxNewTokens;
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
  const std::uint64_t most =
      std::min(kMostKvCacheBytes, options.memory_bytes / kKvCacheShareOfMemory);
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

// One line for each: what the model's files say and the server does otherwise.
void LogWarnings(const std::string& name, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    Log(LogLevel::kWarning, "the model is served otherwise than its files say",
        {{"name", name}, {"warning", warning}});
  }
}

void LogNonFinite(const std::string& name, const model::WeightsReport& weights) {
  if (weights.nan_count > 0) {
    Log(LogLevel::kWarning, "the weights contain NaN: the file is probably broken",
        {{"name", name}, {"nan_count", weights.nan_count}});
  }
  if (weights.infinity_count > 0) {
    Log(LogLevel::kWarning, "the weights contain infinities: the file is probably broken",
        {{"name", name}, {"infinity_count", weights.infinity_count}});
  }
  if (weights.overflow_count > 0) {
    Log(LogLevel::kWarning,
        "weights beyond float16's range became infinite: --weights=bf16 or f32 keeps them finite",
        {{"name", name}, {"overflow_count", weights.overflow_count}});
  }
}

void DescribeTokenizer(const model::Tokenizer& tokenizer, ModelInfo& info) {
  info.max_token_bytes = MaxTokenBytes(tokenizer);
  info.has_tokenizer = !tokenizer.is_none();
  for (std::size_t id = info.config.vocab_size; id < tokenizer.vocab_size(); ++id) {
    info.tokens_beyond.emplace_back(tokenizer.Bytes(static_cast<model::TokenId>(id)));
  }
}

void LogLoaded(const ModelInfo& info, const Options& options, absl::Duration took) {
  const model::WeightsReport& weights = info.weights;
  const std::size_t blocks = info.cache_positions / model::kernels::kBlockPositions;
  Log(LogLevel::kInfo, "model loaded",
      {{"name", info.name},
       {"parameters", weights.parameters},
       {"stored_type", std::string(model::kernels::Name(weights.stored_type))},
       {"memory_type", std::string(model::kernels::Name(weights.precision.weights))},
       {"memory_bytes", weights.memory_bytes},
       {"activations", std::string(model::kernels::Name(weights.precision.activations))},
       {"seconds", absl::ToDoubleSeconds(took)},
       {"fingerprint", info.fingerprint},
       {"simd", model::kernels::SimdTargetName()},
       {"integer_unit", model::kernels::IntegerUnitName()},
       {"threads", options.threads},
       {"kv_cache_type", std::string(Name(info.cache_type))},
       {"kv_cache_bytes", blocks * model::KvCache::BytesPerBlock(info.config, info.cache_type)},
       {"kv_cache_tokens", info.cache_positions},
       {"n_ctx", info.config.n_ctx}});
  const std::size_t cpus = CpuLimit();
  if (options.threads == 1 && cpus > 1) {
    Log(LogLevel::kInfo,
        "one CPU runs the model; --threads=auto takes all, and gives the same text",
        {{"cpus", cpus}});
  }
  for (const std::string& unit : model::kernels::WrongIntegerUnits()) {
    Log(LogLevel::kWarning,
        "an integer unit does not agree with plain C++ on this machine and is not used; please "
        "report it",
        {{"integer_unit", unit}});
  }
  LogWarnings(info.name, info.config.warnings);
  LogWarnings(info.name, info.defaults.warnings);
  LogWarnings(info.name, weights.warnings);
  LogNonFinite(info.name, weights);
}

// Applies --simd, which holds for the process, and checks the flags that only make sense together.
absl::Status ApplyFlags(const Options& options) {
  if (absl::Status status = model::kernels::SetSimdTarget(options.simd); !status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--simd=", options.simd, ": ", status.message()));
  }
  if (absl::Status status = CheckWorkerOptions(options.worker, options.worker.step_tokens);
      !status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--max_running, --step_tokens: ", status.message()));
  }
  return absl::OkStatus();
}

// What flags and the model's small files tell of the model: all but what only loading shows.
absl::StatusOr<ModelInfo> DescribeModel(const Options& options, const model::ModelSource& source) {
  const absl::StatusOr<model::ModelConfig> config = source.ReadConfig();
  if (!config.ok()) return config.status();
  absl::StatusOr<model::GenerationConfig> defaults = ReadDefaults(options, source, *config);
  if (!defaults.ok()) return defaults.status();
  const absl::StatusOr<std::size_t> blocks = NumKvBlocks(options, *config);
  if (!blocks.ok()) return blocks.status();
  ModelInfo info;
  info.name = options.model_name;
  info.tokenizer_folder = options.tokenizer == "auto" ? options.model : options.tokenizer;
  info.config = *config;
  info.defaults = *std::move(defaults);
  info.cache_type = options.kv_cache_type;
  info.cache_positions = *blocks * model::kernels::kBlockPositions;
  info.max_running = options.worker.max_running;
  info.max_queued = options.worker.max_queued;
  info.max_priority = options.max_priority;
  info.report_cached_tokens = options.report_cached_tokens;
  info.stalled_reader_limit = options.worker.stalled_reader_limit;
  return info;
}

// What the exception that is being handled, thrown while the model was loaded, says to the
// operator. RESOURCE_EXHAUSTED without a message if there is no memory for one.
absl::Status LoadError(absl::string_view doing, std::size_t threads) noexcept {
  try {
    try {
      throw;
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError(
          absl::StrCat("memory ran out while ", doing,
                       ": smaller weights (--weights) and a smaller KV cache (--kv_cache_bytes) "
                       "need less"));
    } catch (const std::filesystem::filesystem_error& error) {  // is a std::system_error, too
      return absl::InternalError(error.what());
    } catch (const std::system_error& error) {
      return absl::ResourceExhaustedError(
          absl::StrCat("a thread could not be started while ", doing, ": ", error.code().message(),
                       ": memory, or the limit on threads (ulimit -u, the control group's "
                       "pids.max), is too low for --threads=",
                       threads));
    } catch (const std::exception& error) {
      return absl::InternalError(error.what());
    }
  } catch (...) {
    return absl::Status(absl::StatusCode::kResourceExhausted, "");
  }
}

}  // namespace

ServedModel::ServedModel(ModelInfo info, model::Tokenizer tokenizer,
                         std::unique_ptr<model::Executor> executor,
                         std::unique_ptr<model::LanguageModel> language_model, model::KvCache cache,
                         std::shared_ptr<model::FileMemory> packed_file,
                         const WorkerOptions& worker)
    : info_(std::move(info)),
      tokenizer_(std::move(tokenizer)),
      trie_(model::MakeTokenTrie(tokenizer_, info_.config.vocab_size)),
      constraints_(trie_),
      executor_(std::move(executor)),
      packed_file_(std::move(packed_file)),
      admission_(info_.max_running + info_.max_queued),
      open_generations_(2 * admission_.limit()),
      worker_(std::move(language_model), std::move(cache), tokenizer_, worker),
      backend_{info_, tokenizer_, admission_, open_generations_, constraints_, worker_} {}

absl::StatusOr<std::unique_ptr<ServedModel>> ServedModel::Load(const Options& options) {
  absl::string_view doing;
  try {
    return LoadOrThrow(options, doing);
  } catch (...) {
    return LoadError(doing, options.threads);
  }
}

absl::Status ServedModel::Check(const Options& options) {
  try {
    if (absl::Status status = ApplyFlags(options); !status.ok()) return status;
    const std::unique_ptr<model::ModelSource> source = model::OpenModelSource(options.model);
    const absl::StatusOr<ModelInfo> info = DescribeModel(options, *source);
    return info.ok() ? CheckModelFiles(*source, info->config, options) : info.status();
  } catch (...) {
    return LoadError("the model's files were checked", options.threads);
  }
}

absl::StatusOr<std::unique_ptr<ServedModel>> ServedModel::LoadOrThrow(const Options& options,
                                                                      absl::string_view& doing) {
  doing = "the model's small files were read";
  const absl::Time begin = MonotonicNow();
  if (absl::Status status = ApplyFlags(options); !status.ok()) return status;
  // The small files first, so that an error in one of them is reported at once.
  const std::unique_ptr<model::ModelSource> source = model::OpenModelSource(options.model);
  absl::StatusOr<ModelInfo> info = DescribeModel(options, *source);
  if (!info.ok()) return info.status();

  doing = "the model's threads were started";
  ModelThreads threads = StartModelThreads(options);
  model::Executor& executor = *threads.executor;
  doing = "weights and tokenizer were read";
  absl::StatusOr<ModelFiles> files = LoadModelFiles(*source, info->config, options, executor);
  if (!files.ok()) return files.status();
  doing = "the KV cache was made";
  absl::StatusOr<model::KvCache> cache =
      model::KvCache::Create(info->config, info->cache_positions / model::kernels::kBlockPositions,
                             options.kv_cache_type, executor);
  if (!cache.ok()) return cache.status();

  doing = "the worker was made";
  info->weights = files->weights.report;
  info->fingerprint = Fingerprint(info->weights, options.kv_cache_type);
  DescribeTokenizer(files->tokenizer, *info);
  std::shared_ptr<model::FileMemory> packed_file = files->weights.weights.packed_file;
  auto gpt2 = std::make_unique<model::Gpt2>(info->config, std::move(files->weights.weights),
                                            options.worker.step_tokens, executor);
  LogLoaded(*info, options, MonotonicNow() - begin);
  std::optional<AffinityScope> tied;  // the worker's thread inherits this thread's CPU
  if (threads.worker_cpu) tied.emplace(*threads.worker_cpu);
  return std::unique_ptr<ServedModel>(
      new ServedModel(*std::move(info), std::move(files->tokenizer), std::move(threads.executor),
                      std::move(gpt2), *std::move(cache), std::move(packed_file), options.worker));
}

absl::Status ServedModel::YieldPackedFile() {
  if (packed_file_ == nullptr || !packed_file_->WriterWaits()) return absl::OkStatus();
  if (absl::Status status = packed_file_->MakePrivate(); !status.ok()) return status;
  Log(LogLevel::kWarning,
      "a process opened the packed weights' file for writing: this process now has the weights in "
      "its own memory",
      {{"name", info_.name}});
  return absl::OkStatus();
}

}  // namespace cascade::server
