// SPDX-License-Identifier: Apache-2.0

#include "server/flags.h"

#include <algorithm>

#include "absl/flags/reflection.h"
#include "absl/strings/match.h"

ABSL_FLAG(std::string, model, "",
          "The model: a Hugging Face folder with config.json, model.safetensors (or its shards),\n"
          "and tokenizer.json, or vocab.json with merges.txt. Required.");
ABSL_FLAG(std::string, model_name, "",
          "What GetModel and the logs call the model. Empty: the folder's name.");
ABSL_FLAG(std::string, tokenizer, "auto",
          "The tokenizer: auto (the model's folder has it), another folder, or none: then the\n"
          "server takes and gives token ids, and no text.");
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
    "(two each) and an eighth of --memory_bytes (32KiB each) suffice for, at most 10000. The\n"
    "start-up log says how many that is.");
ABSL_FLAG(
    std::string, max_connections_per_peer, "auto",
    "Connections of one peer at the same time: of an IPv4 address, an IPv6 network (/64), or\n"
    "an account at a Unix socket. auto: half of --max_connections. Behind one proxy, name as\n"
    "many as --max_connections.");
ABSL_FLAG(std::string, handshake_seconds, "20",
          "Seconds that a client may take from connecting to its first HTTP/2 frame.");
ABSL_FLAG(std::string, idle_connection_seconds, "1800",
          "Seconds after which a connection without a call is closed; clients connect again with\n"
          "their next call. 0: never.");
ABSL_FLAG(
    std::string, connection_age_seconds, "0",
    "Seconds after which a connection takes no new call, so that its client connects again,\n"
    "perhaps to another replica, and shows a new certificate. A tenth more or less. 0: never.");
ABSL_FLAG(std::string, connection_grace_seconds, "600",
          "Seconds that calls which are open then may still take.");
ABSL_FLAG(std::string, tls_cert, "",
          "The server's certificate and those between it and its authority, as a PEM file: serves\n"
          "TLS 1.2 and 1.3, and no plaintext. Read again when it changes. Empty: no TLS.");
ABSL_FLAG(std::string, tls_key, "", "The private key of --tls_cert, as a PEM file.");
ABSL_FLAG(std::string, tls_client_ca, "",
          "Authorities, as a PEM file: each client must have a certificate of one of them (mutual\n"
          "TLS). Empty: clients need no certificate.");
ABSL_FLAG(std::string, callers_file, "",
          "A file of those who may call, each known by a bearer token: lines of NAME, the token's\n"
          "SHA-256, and limits (max_requests=, tokens_per_minute=, max_priority=,\n"
          "share_prefixes=). Read again when it changes. Health stays open. Empty: everybody may.");
ABSL_FLAG(
    std::string, weights, "auto",
    "The weights' type in memory: auto (as they are stored), f32, bf16, f16, int8 or int4. Half\n"
    "the bytes make a single stream nearly twice as fast. int8 and int4 are approximations; int4\n"
    "pays where memory, not arithmetic, is the limit.");
ABSL_FLAG(
    std::string, activations, "auto",
    "What the weights are multiplied with: f32, all arithmetic in float32; or activations rounded\n"
    "in groups of 64, which is faster for prompts and for several streams: int8 to 8 bits, for\n"
    "--weights=int8 or int4, and int16 to 13 bits, for --weights=bf16. Values that are far larger\n"
    "than the rest of their group stay floats. auto is f32.");
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
    std::string, memory_bytes, "auto",
    "Memory that the process may use, such as 2GiB, at least 64MiB: where other flags are auto,\n"
    "they are shares of it, and before the process holds more, it resets the connections that\n"
    "send most. auto, and at most: all that there is (its container's limit included).");
ABSL_FLAG(std::string, kv_cache_bytes, "auto",
          "Memory for keys and values, such as 256MiB or 2GiB. auto: what --max_running sequences\n"
          "of full length need, but at most 1GiB and a quarter of --memory_bytes; room for one at\n"
          "least. The start-up log says how many tokens that holds.");
ABSL_FLAG(
    std::string, kv_cache_type, "f32",
    "The type of keys and values in memory: f32, bf16, f16 or int8. 16 bits hold twice the tokens\n"
    "in the same bytes and halve what attention reads at length, for results that differ a\n"
    "little: f16 less than bf16. int8, with a scale for each key and value, holds nearly four\n"
    "times the tokens, differs about as bf16 does, and is read fastest: attention multiplies its\n"
    "integers. Of the other types arithmetic is float32.");
ABSL_FLAG(std::string, max_running, "64", "Sequences that are generated at the same time.");
ABSL_FLAG(std::string, max_queued, "256",
          "Requests that may wait beyond those; more are refused with RESOURCE_EXHAUSTED.");
ABSL_FLAG(
    std::string, step_tokens, "auto",
    "Tokens of one model step, at least --max_running. Fewer let running streams wait less for\n"
    "others' prompts; more may speed these up on many threads. auto: twice --max_running, at\n"
    "least 128.");
ABSL_FLAG(std::string, max_queued_tokens, "1048576",
          "Prompt tokens that may wait; more are refused with RESOURCE_EXHAUSTED.");
ABSL_FLAG(
    std::string, call_memory_bytes, "auto",
    "Memory for requests and unread answers of all open calls, 16MiB or more; calls beyond it are\n"
    "refused with RESOURCE_EXHAUSTED. auto: an eighth of --memory_bytes,\n"
    "32MiB to 1GiB.");
ABSL_FLAG(bool, prefix_cache, true,
          "Keep keys and values of prompts for later prompts that begin alike. Never changes a\n"
          "result.");
ABSL_FLAG(
    bool, kv_events, false,
    "Tell whoever asks (VllmEngine.SubscribeKvEvents) which prompts the prefix cache keeps, so\n"
    "that a gateway can route by them. Their tokens are told, and so their texts.");
ABSL_FLAG(
    bool, report_cached_tokens, true,
    "Tell in each answer how many tokens of its prompt the prefix cache had, which tells the\n"
    "client what others have sent. false: cached_tokens is always 0.");
ABSL_FLAG(bool, kv_overcommit, false,
          "Start requests that the KV cache may be too small for; when it is full, the youngest\n"
          "gives its blocks up, waits and is computed again. Never changes a result.");
ABSL_FLAG(bool, speculate, true,
          "Draft tokens ahead where a text repeats itself or its constraint leaves no choice, and\n"
          "verify them in one step. Never changes a result.");
ABSL_FLAG(std::string, max_priority, "0",
          "Highest priority that a request may ask for, up to 1000.");
ABSL_FLAG(std::string, priority_ageing_seconds, "10",
          "Seconds of waiting that raise a request by one priority, so that none starves.");
ABSL_FLAG(std::string, stalled_reader_seconds, "30",
          "Seconds that a client may leave its answer unread; then the call ends with ABORTED.");
ABSL_FLAG(std::string, worker_hang_seconds, "60",
          "While a model step takes longer than this, health is NOT_SERVING.");
ABSL_FLAG(
    std::string, generation_config, "auto",
    "Defaults for fields that a request does not set: auto (the model's generation_config.json,\n"
    "if it has one) or none (greedy).");
ABSL_FLAG(
    std::string, simd, "auto",
    "Instructions of the kernels: auto, avx512, avx2, neon or scalar. Never changes a result.");
ABSL_FLAG(std::string, drain_seconds, "20",
          "After SIGTERM or SIGINT, how long running streams may go on before they are ended with\n"
          "UNAVAILABLE. A second signal ends them at once.");
ABSL_FLAG(std::string, metrics_address, "",
          "HOST:PORT to serve over HTTP /metrics for Prometheus, /healthz and /readyz. They tell\n"
          "sizes and times, no text; everyone who reaches the port can read them. Empty: none.");
ABSL_FLAG(std::string, metrics_aliases, "none",
          "vllm: the metrics under vLLM's names too (vllm:num_requests_running), for dashboards,\n"
          "autoscaling rules and routers that know those; or none.");
ABSL_FLAG(
    std::string, otlp_endpoint, "",
    "An OpenTelemetry collector's HOST:PORT for OTLP over gRPC (https://HOST:PORT: with TLS),\n"
    "which gets a trace of each call: its wait, prefill and decoding. Empty: no traces.");
ABSL_FLAG(std::string, trace_ratio, "1",
          "The share, 0 to 1, of those calls that begin a trace themselves; of the others their\n"
          "callers decide (the flags of traceparent).");
ABSL_FLAG(std::string, log_level, "info",
          "Least important events to log: debug, info, warning, error or off.");
ABSL_FLAG(std::string, log_format, "auto",
          "Log lines on stderr: text, json (an object a line), or auto: text on a terminal, else\n"
          "json.");
ABSL_FLAG(
    bool, log_prompts, false,
    "Logs the text of each prompt, 4 KiB of it at most: for those who look for an error and may\n"
    "read what others write. Without it no text is ever logged.");
ABSL_FLAG(bool, print_config, false,
          "Prints what each flag is, defaults, environment and files included, and exits.");
ABSL_FLAG(
    bool, config_check, false,
    "Checks the flags and the files that they name, but reads no weights and serves nothing:\n"
    "exits with 0, or with 1 (2: the flags) after a line that says what is wrong.");

namespace cascade::server {

std::vector<std::string> FlagNames() {
  std::vector<std::string> names;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (absl::EndsWith(flag->Filename(), "server/flags.cc")) names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace cascade::server
