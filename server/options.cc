// SPDX-License-Identifier: Apache-2.0

#include "server/options.h"

#include <array>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/cgroup.h"
#include "server/flag_values.h"
#include "server/listen_address.h"

ABSL_FLAG(std::string, model, "",
          "The model: a Hugging Face folder with config.json, model.safetensors (or its shards),\n"
          "and vocab.json with merges.txt, or tokenizer.json. Required.");
ABSL_FLAG(std::string, model_name, "",
          "What GetModel and the logs call the model. Empty: the folder's name.");
ABSL_FLAG(std::string, listen, "localhost:50051",
          "Where to listen: HOST:PORT or unix:PATH. 0.0.0.0:50051 is every interface, and anybody\n"
          "who reaches it may use it. Port 0 takes a free one and prints it on stdout.");
ABSL_FLAG(
    std::string, weights, "auto",
    "How weights lie in memory: auto (as they are stored), f32, bf16, f16, int8 or int4. Half\n"
    "the bytes make tokens nearly twice as fast. Arithmetic is always float32. int8 and int4\n"
    "are approximations; int4 pays where memory is slow for its threads.");
ABSL_FLAG(
    std::string, threads, "1",
    "Threads that run the model: a number, or auto for one for each CPU that this process may\n"
    "use (its affinity and its container's quota counted). Never changes a result.");
ABSL_FLAG(bool, pin_threads, false,
          "Ties each of them to a CPU of its own: steadier times where nothing else wants these\n"
          "CPUs, worse ones where something does.");
ABSL_FLAG(std::string, packed_weights_cache, "",
          "A folder to keep the weights as they lie in memory, or beside for the model's own: the\n"
          "next start takes them from there, and processes on one machine hold them once. Empty:\n"
          "each start packs them anew. Never changes a result.");
ABSL_FLAG(
    std::string, kv_cache_bytes, "auto",
    "Memory for keys and values, such as 256MiB or 2GiB. auto: what --max_running sequences\n"
    "of full length need, but at most 1GiB and a quarter of the memory that this process may use\n"
    "(its container's limit included); room for one at least. The start-up log says how many\n"
    "tokens that holds.");
ABSL_FLAG(
    std::string, kv_cache_type, "f32",
    "How keys and values lie in memory: f32, bf16 or f16. 16 bits hold twice the tokens in the\n"
    "same bytes and halve what attention costs at length, for results that differ a little: f16\n"
    "less than bf16. Arithmetic is always float32.");
ABSL_FLAG(std::int32_t, max_running, 64, "Sequences that are generated at the same time.");
ABSL_FLAG(std::int32_t, max_queued, 256,
          "Requests that may wait beyond those; more are refused with RESOURCE_EXHAUSTED.");
ABSL_FLAG(
    std::int32_t, step_tokens, 256,
    "Tokens of one model step, at least --max_running. More speeds long prompts up; fewer let\n"
    "running streams wait less for them.");
ABSL_FLAG(std::int32_t, max_queued_tokens, 1 << 20,
          "Prompt tokens that may wait; more are refused with RESOURCE_EXHAUSTED.");
ABSL_FLAG(bool, prefix_cache, true,
          "Keep what was computed for prompts that begin the same. Never changes a result.");
ABSL_FLAG(bool, kv_overcommit, false,
          "Start requests that --kv_cache_bytes might not hold to their ends; if it does not, the\n"
          "youngest waits and is computed again. Never changes a result.");
ABSL_FLAG(bool, speculate, true,
          "Draft tokens ahead where a text repeats itself, and verify them in one step. Never\n"
          "changes a result.");
ABSL_FLAG(std::int32_t, max_priority, 0,
          "Highest priority that a request may ask for, up to 1000; anybody may ask for less.");
ABSL_FLAG(std::int32_t, priority_ageing_seconds, 10,
          "Seconds of waiting that raise a request by one priority, so that none waits for ever.");
ABSL_FLAG(std::int32_t, stalled_reader_seconds, 30,
          "How long a client may leave its answer unread: then it ends with ABORTED.");
ABSL_FLAG(std::int32_t, worker_hang_seconds, 60,
          "A model step that takes longer than this turns health NOT_SERVING until it ends.");
ABSL_FLAG(
    std::string, generation_config, "auto",
    "Defaults of what requests leave out: auto (the model's generation_config.json, if it has\n"
    "one) or none (greedy).");
ABSL_FLAG(
    std::string, simd, "auto",
    "Instructions of the kernels: auto, avx512, avx2, neon or scalar. Never changes a result.");
ABSL_FLAG(std::int32_t, drain_seconds, 20,
          "After SIGTERM or SIGINT, how long running streams may go on before they are ended with\n"
          "UNAVAILABLE. A second signal ends them at once.");
ABSL_FLAG(std::string, log_level, "info",
          "Least important events to log: debug, info, warning, "
          "error or off.");
ABSL_FLAG(std::string, log_format, "text", "Log lines on stderr: text or json.");

namespace cascade::server {
namespace {

constexpr std::array kFlagNames = {"model",
                                   "model_name",
                                   "listen",
                                   "weights",
                                   "threads",
                                   "pin_threads",
                                   "packed_weights_cache",
                                   "kv_cache_bytes",
                                   "kv_cache_type",
                                   "max_running",
                                   "max_queued",
                                   "step_tokens",
                                   "max_queued_tokens",
                                   "prefix_cache",
                                   "kv_overcommit",
                                   "speculate",
                                   "max_priority",
                                   "priority_ageing_seconds",
                                   "stalled_reader_seconds",
                                   "worker_hang_seconds",
                                   "generation_config",
                                   "simd",
                                   "drain_seconds",
                                   "log_level",
                                   "log_format"};

constexpr std::size_t kMaxThreads = 1024;
constexpr std::int32_t kMaxRows = 16384;  // of a step: its scratch is 100 KiB a row on gpt2-xl
constexpr std::int32_t kMaxQueued = 1'000'000;
constexpr std::int32_t kMaxQueuedTokens = 1'000'000'000;
constexpr std::int32_t kMaxPriority = 1000;

absl::Status SetThreads(const std::string& text, std::size_t& out) {
  if (text == "auto") {
    out = CpuLimit();
    return absl::OkStatus();
  }
  if (!absl::SimpleAtoi(text, &out) || out < 1 || out > kMaxThreads) {
    return FlagError("threads", text, absl::StrCat("auto or a number from 1 to ", kMaxThreads));
  }
  return absl::OkStatus();
}

absl::Status SetKvCacheBytes(const std::string& text, std::optional<std::uint64_t>& out) {
  if (text == "auto") return absl::OkStatus();
  const absl::StatusOr<std::uint64_t> bytes = ParseByteSize(text);
  if (!bytes.ok()) return FlagError("kv_cache_bytes", text, "auto or a size such as 256MiB");
  out = *bytes;
  return absl::OkStatus();
}

absl::Status SetModel(Options& options) {
  options.model = absl::GetFlag(FLAGS_model);
  if (options.model.empty()) {
    return absl::InvalidArgumentError(
        "--model is missing: it names a folder with config.json, model.safetensors and a "
        "tokenizer");
  }
  options.model_name = absl::GetFlag(FLAGS_model_name);
  if (!options.model_name.empty()) return absl::OkStatus();
  std::filesystem::path folder = std::filesystem::absolute(options.model).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // "models/tales/"
  options.model_name = folder.filename().string();
  return absl::OkStatus();
}

absl::Status SetSizes(Options& options) {
  absl::Status status = SetThreads(absl::GetFlag(FLAGS_threads), options.threads);
  options.pin_threads = absl::GetFlag(FLAGS_pin_threads);
  options.packed_weights_cache = absl::GetFlag(FLAGS_packed_weights_cache);
  status.Update(SetKvCacheBytes(absl::GetFlag(FLAGS_kv_cache_bytes), options.kv_cache_bytes));
  status.Update(SetSeconds("drain_seconds", absl::GetFlag(FLAGS_drain_seconds), 0, options.drain));
  status.Update(SetSeconds("worker_hang_seconds", absl::GetFlag(FLAGS_worker_hang_seconds), 1,
                           options.worker_hang));
  std::size_t max_priority = 0;
  status.Update(
      SetCount("max_priority", absl::GetFlag(FLAGS_max_priority), {0, kMaxPriority}, max_priority));
  options.max_priority = static_cast<int>(max_priority);
  return status;
}

absl::Status SetWorker(WorkerOptions& worker) {
  worker.prefix_cache = absl::GetFlag(FLAGS_prefix_cache);
  worker.kv_overcommit = absl::GetFlag(FLAGS_kv_overcommit);
  worker.speculate = absl::GetFlag(FLAGS_speculate);
  absl::Status status =
      SetCount("max_running", absl::GetFlag(FLAGS_max_running), {1, kMaxRows}, worker.max_running);
  status.Update(
      SetCount("max_queued", absl::GetFlag(FLAGS_max_queued), {0, kMaxQueued}, worker.max_queued));
  status.Update(SetCount("max_queued_tokens", absl::GetFlag(FLAGS_max_queued_tokens),
                         {1, kMaxQueuedTokens}, worker.max_queued_tokens));
  status.Update(
      SetCount("step_tokens", absl::GetFlag(FLAGS_step_tokens), {1, kMaxRows}, worker.step_tokens));
  status.Update(SetSeconds("priority_ageing_seconds", absl::GetFlag(FLAGS_priority_ageing_seconds),
                           1, worker.priority_ageing));
  status.Update(SetSeconds("stalled_reader_seconds", absl::GetFlag(FLAGS_stalled_reader_seconds), 1,
                           worker.stalled_reader_limit));
  return status;
}

absl::Status SetWeights(Options& options) {
  using model::kernels::WeightType;
  Choices<std::optional<WeightType>> choices = {{"auto", std::nullopt}};
  for (const WeightType type : model::kernels::kWeightTypes) {
    const std::string_view name = Name(type);
    choices.push_back({absl::string_view(name.data(), name.size()), type});
  }
  return SetChoice("weights", absl::GetFlag(FLAGS_weights), choices, options.weights);
}

absl::Status SetKvCacheType(Options& options) {
  Choices<model::kernels::KvType> choices;
  for (const model::kernels::KvType type : model::kernels::kKvTypes) {
    const std::string_view name = Name(type);
    choices.push_back({absl::string_view(name.data(), name.size()), type});
  }
  return SetChoice("kv_cache_type", absl::GetFlag(FLAGS_kv_cache_type), choices,
                   options.kv_cache_type);
}

absl::Status SetChoices(Options& options) {
  absl::Status status = SetWeights(options);
  status.Update(SetKvCacheType(options));
  status.Update(SetChoice<bool>("generation_config", absl::GetFlag(FLAGS_generation_config),
                                {{"auto", true}, {"none", false}}, options.use_generation_config));
  status.Update(SetChoice<std::string>("simd", absl::GetFlag(FLAGS_simd),
                                       {{"auto", "auto"},
                                        {"avx512", "avx512"},
                                        {"avx2", "avx2"},
                                        {"neon", "neon"},
                                        {"scalar", "scalar"}},
                                       options.simd));
  status.Update(SetChoice<LogLevel>("log_level", absl::GetFlag(FLAGS_log_level),
                                    {{"debug", LogLevel::kDebug},
                                     {"info", LogLevel::kInfo},
                                     {"warning", LogLevel::kWarning},
                                     {"error", LogLevel::kError},
                                     {"off", LogLevel::kOff}},
                                    options.log.level));
  status.Update(SetChoice<LogFormat>("log_format", absl::GetFlag(FLAGS_log_format),
                                     {{"text", LogFormat::kText}, {"json", LogFormat::kJson}},
                                     options.log.format));
  return status;
}

absl::StatusOr<Options> OptionsFromFlags() {
  Options options;
  absl::Status status = SetModel(options);
  options.listen = absl::GetFlag(FLAGS_listen);
  if (absl::Status listen = CheckListenAddress(options.listen); !listen.ok()) {
    status.Update(absl::InvalidArgumentError(absl::StrCat("--listen: ", listen.message())));
  }
  status.Update(SetSizes(options));
  status.Update(SetWorker(options.worker));
  status.Update(SetChoices(options));
  if (!status.ok()) return status;
  return options;
}

}  // namespace

absl::StatusOr<Options> ParseOptions(int argc, char** argv) {
  absl::FlagsUsageConfig usage;
  usage.version_string = [] { return std::string("cascade-server " CASCADE_VERSION "\n"); };
  absl::SetFlagsUsageConfig(std::move(usage));
  const std::vector<char*> positional = absl::ParseCommandLine(argc, argv);
  if (positional.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("unexpected argument '", positional[1], "': flags are --name=value"));
  }
  return OptionsFromFlags();
}

bool WantsHelp(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const absl::string_view argument = argv[i];
    if (argument == "--") return false;
    if (argument == "--help" || argument == "-help" || argument == "-h") return true;
  }
  return false;
}

std::string HelpText() {
  std::string text =
      "cascade-server: serves a GPT-2 model over gRPC.\n\n"
      "  cascade-server --model=FOLDER [--flag=value ...]\n";
  for (const char* name : kFlagNames) {
    const absl::CommandLineFlag& flag = *absl::FindCommandLineFlag(name);
    const std::string value = flag.DefaultValue();
    absl::StrAppend(&text, "\n  --", name, value.empty() ? "" : absl::StrCat("=", value),
                    "\n      ", absl::StrReplaceAll(flag.Help(), {{"\n", "\n      "}}), "\n");
  }
  absl::StrAppend(&text, "\n  --version\n      Print the version and exit.\n");
  return text;
}

}  // namespace cascade::server
