// SPDX-License-Identifier: Apache-2.0

#include "server/options.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/flag_values.h"
#include "server/listener/listen_address.h"

ABSL_FLAG(std::string, model, "",
          "The model: a Hugging Face folder with config.json, model.safetensors (or its shards),\n"
          "and vocab.json with merges.txt, or tokenizer.json. Required.");
ABSL_FLAG(std::string, model_name, "",
          "What GetModel and the logs call the model. Empty: the folder's name.");
ABSL_FLAG(
    std::vector<std::string>, listen, {"localhost:50051"},
    "Where to listen: HOST:PORT or unix:PATH, or several with commas between them. 0.0.0.0:50051\n"
    "is every interface: every client that reaches it may use it. Port 0 takes a free port and\n"
    "prints it on stdout, one address a line.");
ABSL_FLAG(std::string, unix_socket_mode, "0600",
          "The mode of the file of a unix:PATH, in octal: accounts need the right to write to it\n"
          "to connect.");
ABSL_FLAG(
    std::string, max_connections, "auto",
    "Connections at the same time; more are closed at once. auto: as many as file descriptors\n"
    "(two each) and an eighth of the memory (32KiB each) suffice for, at most 10000. The\n"
    "start-up log says how many that is.");
ABSL_FLAG(
    std::string, max_connections_per_peer, "auto",
    "Connections of one peer at the same time: of an IPv4 address, an IPv6 network (/64), or\n"
    "an account at a Unix socket. auto: half of --max_connections. Behind one proxy, name as\n"
    "many as --max_connections.");
ABSL_FLAG(std::int32_t, handshake_seconds, 20,
          "Seconds that a client may take from connecting to its first HTTP/2 frame.");
ABSL_FLAG(std::int32_t, idle_connection_seconds, 1800,
          "Seconds after which a connection without a call is closed; clients connect again with\n"
          "their next call. 0: never.");
ABSL_FLAG(
    std::string, weights, "auto",
    "The weights' type in memory: auto (as they are stored), f32, bf16, f16, int8 or int4. Half\n"
    "the bytes make tokens nearly twice as fast. Arithmetic is always float32. int8 and int4\n"
    "are approximations; int4 pays where memory is slow for its threads.");
ABSL_FLAG(
    std::string, threads, "1",
    "Threads that run the model: a number, or auto for one for each CPU that this process may\n"
    "use (its affinity and its container's quota counted). Never changes a result.");
ABSL_FLAG(bool, pin_threads, false,
          "Pins each of these threads to a CPU of its own: steadier times where no other process\n"
          "uses these CPUs, worse times where one does.");
ABSL_FLAG(
    std::string, packed_weights_cache, "",
    "A folder to keep packed weights in, or beside for the model's own folder: the next start\n"
    "maps them from there, and processes on one machine share them. Empty: each start packs\n"
    "the weights again. Never changes a result.");
ABSL_FLAG(
    std::string, kv_cache_bytes, "auto",
    "Memory for keys and values, such as 256MiB or 2GiB. auto: what --max_running sequences\n"
    "of full length need, but at most 1GiB and a quarter of the memory that this process may use\n"
    "(its container's limit included); room for one at least. The start-up log says how many\n"
    "tokens that holds.");
ABSL_FLAG(
    std::string, kv_cache_type, "f32",
    "The type of keys and values in memory: f32, bf16 or f16. 16 bits hold twice the tokens in "
    "the\n"
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
          "Keep keys and values of prompts for later prompts that begin alike. Never changes a\n"
          "result.");
ABSL_FLAG(bool, kv_overcommit, false,
          "Start requests that the KV cache may be too small for; when it is full, the youngest\n"
          "gives its blocks up, waits and is computed again. Never changes a result.");
ABSL_FLAG(bool, speculate, true,
          "Draft tokens ahead where a text repeats itself, and verify them in one step. Never\n"
          "changes a result.");
ABSL_FLAG(std::int32_t, max_priority, 0,
          "Highest priority that a request may ask for, up to 1000.");
ABSL_FLAG(std::int32_t, priority_ageing_seconds, 10,
          "Seconds of waiting that raise a request by one priority, so that none starves.");
ABSL_FLAG(std::int32_t, stalled_reader_seconds, 30,
          "Seconds that a client may leave its answer unread; then the call ends with ABORTED.");
ABSL_FLAG(std::int32_t, worker_hang_seconds, 60,
          "While a model step takes longer than this, health is NOT_SERVING.");
ABSL_FLAG(
    std::string, generation_config, "auto",
    "Defaults for fields that a request does not set: auto (the model's generation_config.json,\n"
    "if it has one) or none (greedy).");
ABSL_FLAG(
    std::string, simd, "auto",
    "Instructions of the kernels: auto, avx512, avx2, neon or scalar. Never changes a result.");
ABSL_FLAG(std::int32_t, drain_seconds, 20,
          "After SIGTERM or SIGINT, how long running streams may go on before they are ended with\n"
          "UNAVAILABLE. A second signal ends them at once.");
ABSL_FLAG(std::string, log_level, "info",
          "Least important events to log: debug, info, warning, error or off.");
ABSL_FLAG(std::string, log_format, "text", "Log lines on stderr: text or json.");

namespace cascade::server {
namespace {

constexpr std::int32_t kMaxRows = 16384;  // of a step: its scratch is 100 KiB a row on gpt2-xl
constexpr std::int32_t kMaxQueued = 1'000'000;
constexpr std::int32_t kMaxQueuedTokens = 1'000'000'000;
constexpr std::int32_t kMaxPriority = 1000;
constexpr std::int32_t kMaxConnections = 1'000'000;

std::string NameOfFolder(const std::string& path) {
  std::filesystem::path folder = std::filesystem::absolute(path).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // "models/tales/"
  return folder.filename().string();
}

absl::Status SetListen(std::vector<std::string> addresses, std::vector<std::string>& out) {
  if (addresses.empty()) addresses.emplace_back();  // --listen= names no address
  for (const std::string& address : addresses) {
    const absl::Status status = ParseListenAddress(address).status();
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--listen: ", status.message()));
    }
  }
  out = std::move(addresses);
  return absl::OkStatus();
}

// Every type, under its name.
template <typename Value, typename Types>
Choices<Value> NamedTypes(const Types& types) {
  Choices<Value> choices;
  for (const auto type : types) {
    const std::string_view name = Name(type);
    choices.push_back({absl::string_view(name.data(), name.size()), type});
  }
  return choices;
}

absl::Status SetWeights(absl::string_view flag, const std::string& text,
                        std::optional<model::kernels::WeightType>& out) {
  auto choices =
      NamedTypes<std::optional<model::kernels::WeightType>>(model::kernels::kWeightTypes);
  choices.insert(choices.begin(), {"auto", std::nullopt});
  return SetChoice(flag, text, choices, out);
}

template <typename Value>
absl::Status Set(const absl::Flag<Value>& flag, Value& out) {
  out = absl::GetFlag(flag);
  return absl::OkStatus();
}

// Every flag, in the order of --help, and the function that puts its value into the options. Its
// default and its help are in its definition above.
struct FlagRow {
  absl::string_view name;
  absl::Status (*set)(absl::string_view flag, Options& options);
};
using Flag = absl::string_view;
constexpr FlagRow kFlags[] = {
    {"model", [](Flag, Options& o) { return Set(FLAGS_model, o.model); }},
    {"model_name", [](Flag, Options& o) { return Set(FLAGS_model_name, o.model_name); }},
    {"listen",
     [](Flag, Options& o) { return SetListen(absl::GetFlag(FLAGS_listen), o.listen.addresses); }},
    {"unix_socket_mode",
     [](Flag f, Options& o) {
       return SetFileMode(f, absl::GetFlag(FLAGS_unix_socket_mode), o.listen.unix_socket_mode);
     }},
    {"max_connections",
     [](Flag f, Options& o) {
       return SetCountOrAuto(f, absl::GetFlag(FLAGS_max_connections), {1, kMaxConnections},
                             o.listen.max_connections);
     }},
    {"max_connections_per_peer",
     [](Flag f, Options& o) {
       return SetCountOrAuto(f, absl::GetFlag(FLAGS_max_connections_per_peer), {1, kMaxConnections},
                             o.listen.max_connections_per_peer);
     }},
    {"handshake_seconds",
     [](Flag f, Options& o) {
       return SetSeconds(f, absl::GetFlag(FLAGS_handshake_seconds), 1, o.listen.handshake);
     }},
    {"idle_connection_seconds",
     [](Flag f, Options& o) {
       return SetSeconds(f, absl::GetFlag(FLAGS_idle_connection_seconds), 0,
                         o.listen.idle_connection);
     }},
    {"weights",
     [](Flag f, Options& o) { return SetWeights(f, absl::GetFlag(FLAGS_weights), o.weights); }},
    {"threads",
     [](Flag f, Options& o) { return SetThreads(f, absl::GetFlag(FLAGS_threads), o.threads); }},
    {"pin_threads", [](Flag, Options& o) { return Set(FLAGS_pin_threads, o.pin_threads); }},
    {"packed_weights_cache",
     [](Flag, Options& o) { return Set(FLAGS_packed_weights_cache, o.packed_weights_cache); }},
    {"kv_cache_bytes",
     [](Flag f, Options& o) {
       return SetByteSize(f, absl::GetFlag(FLAGS_kv_cache_bytes), o.kv_cache_bytes);
     }},
    {"kv_cache_type",
     [](Flag f, Options& o) {
       return SetChoice(f, absl::GetFlag(FLAGS_kv_cache_type),
                        NamedTypes<model::kernels::KvType>(model::kernels::kKvTypes),
                        o.kv_cache_type);
     }},
    {"max_running",
     [](Flag f, Options& o) {
       return SetCount(f, absl::GetFlag(FLAGS_max_running), {1, kMaxRows}, o.worker.max_running);
     }},
    {"max_queued",
     [](Flag f, Options& o) {
       return SetCount(f, absl::GetFlag(FLAGS_max_queued), {0, kMaxQueued}, o.worker.max_queued);
     }},
    {"step_tokens",
     [](Flag f, Options& o) {
       return SetCount(f, absl::GetFlag(FLAGS_step_tokens), {1, kMaxRows}, o.worker.step_tokens);
     }},
    {"max_queued_tokens",
     [](Flag f, Options& o) {
       return SetCount(f, absl::GetFlag(FLAGS_max_queued_tokens), {1, kMaxQueuedTokens},
                       o.worker.max_queued_tokens);
     }},
    {"prefix_cache",
     [](Flag, Options& o) { return Set(FLAGS_prefix_cache, o.worker.prefix_cache); }},
    {"kv_overcommit",
     [](Flag, Options& o) { return Set(FLAGS_kv_overcommit, o.worker.kv_overcommit); }},
    {"speculate", [](Flag, Options& o) { return Set(FLAGS_speculate, o.worker.speculate); }},
    {"max_priority",
     [](Flag f, Options& o) {
       return SetCount(f, absl::GetFlag(FLAGS_max_priority), {0, kMaxPriority}, o.max_priority);
     }},
    {"priority_ageing_seconds",
     [](Flag f, Options& o) {
       return SetSeconds(f, absl::GetFlag(FLAGS_priority_ageing_seconds), 1,
                         o.worker.priority_ageing);
     }},
    {"stalled_reader_seconds",
     [](Flag f, Options& o) {
       return SetSeconds(f, absl::GetFlag(FLAGS_stalled_reader_seconds), 1,
                         o.worker.stalled_reader_limit);
     }},
    {"worker_hang_seconds",
     [](Flag f, Options& o) {
       return SetSeconds(f, absl::GetFlag(FLAGS_worker_hang_seconds), 1, o.worker_hang);
     }},
    {"generation_config",
     [](Flag f, Options& o) {
       return SetChoice<bool>(f, absl::GetFlag(FLAGS_generation_config),
                              {{"auto", true}, {"none", false}}, o.use_generation_config);
     }},
    {"simd",
     [](Flag f, Options& o) {
       return SetChoice<std::string>(f, absl::GetFlag(FLAGS_simd),
                                     {{"auto", "auto"},
                                      {"avx512", "avx512"},
                                      {"avx2", "avx2"},
                                      {"neon", "neon"},
                                      {"scalar", "scalar"}},
                                     o.simd);
     }},
    {"drain_seconds",
     [](Flag f, Options& o) {
       return SetSeconds(f, absl::GetFlag(FLAGS_drain_seconds), 0, o.drain);
     }},
    {"log_level",
     [](Flag f, Options& o) {
       return SetChoice<LogLevel>(f, absl::GetFlag(FLAGS_log_level),
                                  {{"debug", LogLevel::kDebug},
                                   {"info", LogLevel::kInfo},
                                   {"warning", LogLevel::kWarning},
                                   {"error", LogLevel::kError},
                                   {"off", LogLevel::kOff}},
                                  o.log.level);
     }},
    {"log_format",
     [](Flag f, Options& o) {
       return SetChoice<LogFormat>(f, absl::GetFlag(FLAGS_log_format),
                                   {{"text", LogFormat::kText}, {"json", LogFormat::kJson}},
                                   o.log.format);
     }},
};

absl::StatusOr<Options> OptionsFromFlags() {
  Options options;
  absl::Status status;
  for (const FlagRow& row : kFlags) status.Update(row.set(row.name, options));  // keeps the first
  if (options.model.empty()) {
    return absl::InvalidArgumentError(
        "--model is missing: it names a folder with config.json, model.safetensors and a "
        "tokenizer");
  }
  if (!status.ok()) return status;
  if (options.model_name.empty()) options.model_name = NameOfFolder(options.model);
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
  for (const FlagRow& row : kFlags) {
    const absl::CommandLineFlag& flag = *absl::FindCommandLineFlag(row.name);
    const std::string value = flag.DefaultValue();
    absl::StrAppend(&text, "\n  --", row.name, value.empty() ? "" : absl::StrCat("=", value),
                    "\n      ", absl::StrReplaceAll(flag.Help(), {{"\n", "\n      "}}), "\n");
  }
  absl::StrAppend(&text, "\n  --version\n      Print the version and exit.\n");
  return text;
}

}  // namespace cascade::server
