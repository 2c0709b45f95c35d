// SPDX-License-Identifier: Apache-2.0
// The flags of the command line as Abseil sees them: their names, types, defaults and help. Only
// options.cc reads their values.
#pragma once

#include <string>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/flags/flag.h"

namespace cascade::server {

// The names of these flags, in alphabetical order; not those that Abseil has beside them.
std::vector<std::string> FlagNames();

}  // namespace cascade::server

ABSL_DECLARE_FLAG(std::string, model);
ABSL_DECLARE_FLAG(std::string, model_name);
ABSL_DECLARE_FLAG(std::string, tokenizer);
ABSL_DECLARE_FLAG(std::vector<std::string>, listen);
ABSL_DECLARE_FLAG(std::string, unix_socket_mode);
ABSL_DECLARE_FLAG(std::string, max_connections);
ABSL_DECLARE_FLAG(std::string, max_connections_per_peer);
ABSL_DECLARE_FLAG(std::string, handshake_seconds);
ABSL_DECLARE_FLAG(std::string, idle_connection_seconds);
ABSL_DECLARE_FLAG(std::string, connection_age_seconds);
ABSL_DECLARE_FLAG(std::string, connection_grace_seconds);
ABSL_DECLARE_FLAG(std::string, tls_cert);
ABSL_DECLARE_FLAG(std::string, tls_key);
ABSL_DECLARE_FLAG(std::string, tls_client_ca);
ABSL_DECLARE_FLAG(std::string, callers_file);
ABSL_DECLARE_FLAG(std::string, weights);
ABSL_DECLARE_FLAG(std::string, activations);
ABSL_DECLARE_FLAG(std::string, threads);
ABSL_DECLARE_FLAG(bool, pin_threads);
ABSL_DECLARE_FLAG(std::string, packed_weights_cache);
ABSL_DECLARE_FLAG(std::string, memory_bytes);
ABSL_DECLARE_FLAG(std::string, kv_cache_bytes);
ABSL_DECLARE_FLAG(std::string, kv_cache_type);
ABSL_DECLARE_FLAG(std::string, max_running);
ABSL_DECLARE_FLAG(std::string, max_queued);
ABSL_DECLARE_FLAG(std::string, step_tokens);
ABSL_DECLARE_FLAG(std::string, max_queued_tokens);
ABSL_DECLARE_FLAG(std::string, call_memory_bytes);
ABSL_DECLARE_FLAG(bool, prefix_cache);
ABSL_DECLARE_FLAG(bool, kv_events);
ABSL_DECLARE_FLAG(bool, report_cached_tokens);
ABSL_DECLARE_FLAG(bool, kv_overcommit);
ABSL_DECLARE_FLAG(bool, speculate);
ABSL_DECLARE_FLAG(std::string, max_priority);
ABSL_DECLARE_FLAG(std::string, priority_ageing_seconds);
ABSL_DECLARE_FLAG(std::string, stalled_reader_seconds);
ABSL_DECLARE_FLAG(std::string, worker_hang_seconds);
ABSL_DECLARE_FLAG(std::string, generation_config);
ABSL_DECLARE_FLAG(std::string, simd);
ABSL_DECLARE_FLAG(std::string, drain_seconds);
ABSL_DECLARE_FLAG(std::string, metrics_address);
ABSL_DECLARE_FLAG(std::string, metrics_aliases);
ABSL_DECLARE_FLAG(std::string, otlp_endpoint);
ABSL_DECLARE_FLAG(std::string, trace_ratio);
ABSL_DECLARE_FLAG(std::string, log_level);
ABSL_DECLARE_FLAG(std::string, log_format);
ABSL_DECLARE_FLAG(bool, log_prompts);
ABSL_DECLARE_FLAG(bool, print_config);
ABSL_DECLARE_FLAG(bool, config_check);
