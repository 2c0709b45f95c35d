// SPDX-License-Identifier: Apache-2.0

#include "server/options.h"

#include <unistd.h>

#include <algorithm>
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
#include "cascade/version.h"
#include "server/command_line.h"
#include "server/environment.h"
#include "server/flag_values.h"
#include "server/flags.h"
#include "server/listener/listen_address.h"

namespace cascade::server {
namespace {

constexpr std::size_t kKeptPrefixEvents = 1 << 14;  // of --kv_events: some 2 MB
constexpr std::int32_t kMaxRows = 16384;  // of a step: its scratch is 100 KiB a row on gpt2-xl
constexpr std::int32_t kMaxQueued = 1'000'000;
constexpr std::int32_t kMaxQueuedTokens = 1'000'000'000;
constexpr std::int32_t kMaxPriority = 1000;
constexpr std::int32_t kMaxConnections = 1'000'000;

struct ByteSize {
  std::uint64_t bytes;
  absl::string_view text;
};
constexpr ByteSize kLeastMemory = {std::uint64_t{64} << 20, "64MiB"};
constexpr ByteSize kLeastCallMemory = {std::uint64_t{16} << 20, "16MiB"};

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

absl::Status SetTokenizer(absl::string_view flag, std::string& out) {
  out = absl::GetFlag(FLAGS_tokenizer);
  if (!out.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, "=: must be auto, none or a folder with a tokenizer"));
}

absl::Status SetMetricsAddress(absl::string_view flag, std::string& out) {
  out = absl::GetFlag(FLAGS_metrics_address);
  if (out.empty()) return absl::OkStatus();
  const absl::Status status = ParseListenAddress(out).status();
  if (status.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", status.message()));
}

absl::Status SetOtlpEndpoint(absl::string_view flag, std::optional<OtlpEndpoint>& out) {
  const std::string text = absl::GetFlag(FLAGS_otlp_endpoint);
  if (text.empty()) return absl::OkStatus();
  absl::StatusOr<OtlpEndpoint> endpoint = ParseOtlpEndpoint(text);
  if (!endpoint.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", endpoint.status().message()));
  }
  out = *std::move(endpoint);
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

absl::Status SetActivations(absl::string_view flag, const std::string& text,
                            model::kernels::ActivationType& out) {
  auto choices = NamedTypes<model::kernels::ActivationType>(model::kernels::kActivationTypes);
  choices.insert(choices.begin(), {"auto", model::kernels::ActivationType::kF32});
  return SetChoice(flag, text, choices, out);
}

// "auto", or a size of at least `least`, because of `why`.
absl::Status SetSizeAtLeast(absl::string_view flag, const std::string& text, ByteSize least,
                            absl::string_view why, std::optional<std::uint64_t>& out) {
  if (absl::Status status = SetByteSize(flag, text, out); !status.ok()) return status;
  if (out.value_or(least.bytes) >= least.bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, "=", text, ": must be auto or at least ", least.text, ", ", why));
}

// As the flag's help says; max_running is set.
absl::Status SetStepTokens(absl::string_view flag, const std::string& text, WorkerOptions& out) {
  std::optional<std::size_t> tokens;
  if (absl::Status status = SetCountOrAuto(flag, text, {1, kMaxRows}, tokens); !status.ok()) {
    return status;
  }
  const std::size_t automatic = std::clamp<std::size_t>(2 * out.max_running, 128, kMaxRows);
  out.step_tokens = tokens.value_or(automatic);
  return absl::OkStatus();
}

absl::Status SetMemory(absl::string_view flag, const std::string& text, std::uint64_t& out) {
  std::optional<std::uint64_t> bytes;
  absl::Status status =
      SetSizeAtLeast(flag, text, kLeastMemory, "which the process itself needs", bytes);
  out = std::min(bytes.value_or(out), out);
  return status;
}

// Text for people, JSON for the machines that collect logs.
LogFormat FormatForStderr() {
  return isatty(STDERR_FILENO) == 1 ? LogFormat::kText : LogFormat::kJson;
}

template <typename Value>
absl::Status Set(const absl::Flag<Value>& flag, Value& out) {
  out = absl::GetFlag(flag);
  return absl::OkStatus();
}

// Every flag, in the order of --print_config, and the function that puts its value into the
// options. Its default and its help are in flags.cc.
struct FlagRow {
  absl::string_view name;
  absl::Status (*set)(absl::string_view flag, Options& options);
};
using Flag = absl::string_view;
constexpr FlagRow kFlags[] = {
    {"model", [](Flag, Options& o) { return Set(FLAGS_model, o.model); }},
    {"model_name", [](Flag, Options& o) { return Set(FLAGS_model_name, o.model_name); }},
    {"tokenizer", [](Flag f, Options& o) { return SetTokenizer(f, o.tokenizer); }},
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
    {"connection_age_seconds",
     [](Flag f, Options& o) {
       return SetSeconds(f, absl::GetFlag(FLAGS_connection_age_seconds), 0,
                         o.listen.connection_age);
     }},
    {"connection_grace_seconds",
     [](Flag f, Options& o) {
       return SetSeconds(f, absl::GetFlag(FLAGS_connection_grace_seconds), 1,
                         o.listen.connection_grace);
     }},
    {"tls_cert", [](Flag, Options& o) { return Set(FLAGS_tls_cert, o.tls.cert); }},
    {"tls_key", [](Flag, Options& o) { return Set(FLAGS_tls_key, o.tls.key); }},
    {"tls_client_ca", [](Flag, Options& o) { return Set(FLAGS_tls_client_ca, o.tls.client_ca); }},
    {"callers_file", [](Flag, Options& o) { return Set(FLAGS_callers_file, o.callers_file); }},
    {"weights",
     [](Flag f, Options& o) { return SetWeights(f, absl::GetFlag(FLAGS_weights), o.weights); }},
    {"activations",
     [](Flag f, Options& o) {
       return SetActivations(f, absl::GetFlag(FLAGS_activations), o.activations);
     }},
    {"threads",
     [](Flag f, Options& o) { return SetThreads(f, absl::GetFlag(FLAGS_threads), o.threads); }},
    {"pin_threads", [](Flag, Options& o) { return Set(FLAGS_pin_threads, o.pin_threads); }},
    {"packed_weights_cache",
     [](Flag, Options& o) { return Set(FLAGS_packed_weights_cache, o.packed_weights_cache); }},
    {"memory_bytes",
     [](Flag f, Options& o) {
       return SetMemory(f, absl::GetFlag(FLAGS_memory_bytes), o.memory_bytes);
     }},
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
       return SetStepTokens(f, absl::GetFlag(FLAGS_step_tokens), o.worker);
     }},
    {"max_queued_tokens",
     [](Flag f, Options& o) {
       return SetCount(f, absl::GetFlag(FLAGS_max_queued_tokens), {1, kMaxQueuedTokens},
                       o.worker.max_queued_tokens);
     }},
    {"call_memory_bytes",
     [](Flag f, Options& o) {
       return SetSizeAtLeast(f, absl::GetFlag(FLAGS_call_memory_bytes), kLeastCallMemory,
                             "so that the longest request fits", o.call_memory_bytes);
     }},
    {"prefix_cache",
     [](Flag, Options& o) { return Set(FLAGS_prefix_cache, o.worker.prefix_cache); }},
    {"kv_events",
     [](Flag, Options& o) {
       o.worker.kept_prefix_events = absl::GetFlag(FLAGS_kv_events) ? kKeptPrefixEvents : 0;
       return absl::OkStatus();
     }},
    {"report_cached_tokens",
     [](Flag, Options& o) { return Set(FLAGS_report_cached_tokens, o.report_cached_tokens); }},
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
    {"metrics_address", [](Flag f, Options& o) { return SetMetricsAddress(f, o.metrics_address); }},
    {"metrics_aliases",
     [](Flag f, Options& o) {
       return SetChoice<bool>(f, absl::GetFlag(FLAGS_metrics_aliases),
                              {{"none", false}, {"vllm", true}}, o.metrics_under_vllm_names);
     }},
    {"otlp_endpoint", [](Flag f, Options& o) { return SetOtlpEndpoint(f, o.tracing.endpoint); }},
    {"trace_ratio",
     [](Flag f, Options& o) {
       return SetRatio(f, absl::GetFlag(FLAGS_trace_ratio), o.tracing.ratio);
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
       return SetChoice<LogFormat>(
           f, absl::GetFlag(FLAGS_log_format),
           {{"auto", FormatForStderr()}, {"text", LogFormat::kText}, {"json", LogFormat::kJson}},
           o.log.format);
     }},
    {"log_prompts", [](Flag, Options& o) { return Set(FLAGS_log_prompts, o.log_prompts); }},
    {"print_config", [](Flag, Options& o) { return Set(FLAGS_print_config, o.print_config); }},
    {"config_check", [](Flag, Options& o) { return Set(FLAGS_config_check, o.config_check); }},
};

// Flags that make sense together alone.
absl::Status CheckTogether(const Options& options) {
  // With --weights=auto the weight files decide, and loading them tells.
  if (options.weights && !model::kernels::IsSupported({*options.weights, options.activations})) {
    return absl::InvalidArgumentError(
        absl::StrCat("--activations=", std::string(Name(options.activations)),
                     " needs --weights=", model::kernels::WeightsBeside(options.activations),
                     ", not ", std::string(Name(*options.weights))));
  }
  const TlsOptions& tls = options.tls;
  if (tls.cert.empty() != tls.key.empty()) {
    return absl::InvalidArgumentError("--tls_cert and --tls_key need each other: set both or none");
  }
  if (!tls.client_ca.empty() && !tls.on()) {
    return absl::InvalidArgumentError(
        "--tls_client_ca asks clients for certificates, which needs TLS: set --tls_cert and "
        "--tls_key too");
  }
  return absl::OkStatus();
}

absl::StatusOr<Options> OptionsFromFlags() {
  Options options;
  absl::Status status;
  for (const FlagRow& row : kFlags) status.Update(row.set(row.name, options));  // keeps the first
  if (options.model.empty()) {
    return absl::InvalidArgumentError(
        "--model is missing: it names a folder with config.json, model.safetensors and a "
        "tokenizer");
  }
  status.Update(CheckTogether(options));
  if (!status.ok()) return status;
  if (options.model_name.empty()) options.model_name = NameOfFolder(options.model);
  return options;
}

}  // namespace

absl::StatusOr<Options> ParseOptions(int argc, char** argv) {
  absl::FlagsUsageConfig usage;
  usage.version_string = [] { return absl::StrCat("cascade-server ", kVersionAndCommit, "\n"); };
  absl::SetFlagsUsageConfig(std::move(usage));
  if (absl::Status status = TakeEnvironment(); !status.ok()) return status;
  absl::StatusOr<std::vector<std::string>> arguments = ReadArguments(argc, argv);
  if (!arguments.ok()) return arguments.status();
  std::vector<char*> words;
  for (std::string& argument : *arguments) words.push_back(argument.data());
  const std::vector<char*> positional =
      absl::ParseCommandLine(static_cast<int>(words.size()), words.data());
  if (positional.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("unexpected argument '", positional[1],
                     "': flags are --name=value, such as --model=FOLDER"));
  }
  return OptionsFromFlags();
}

std::string ConfigText() {
  std::string text;
  for (const FlagRow& row : kFlags) {
    if (row.name == "print_config" || row.name == "config_check") continue;
    absl::StrAppend(&text, "--", row.name, "=", absl::FindCommandLineFlag(row.name)->CurrentValue(),
                    "\n");
  }
  return text;
}

}  // namespace cascade::server
