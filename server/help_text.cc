// SPDX-License-Identifier: Apache-2.0

#include "server/help_text.h"

#include <initializer_list>

#include "absl/flags/reflection.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

namespace cascade::server {
namespace {

struct Group {
  absl::string_view title;
  std::initializer_list<absl::string_view> flags;
};

const Group kGroups[] = {
    {"The model", {"model", "model_name", "tokenizer", "generation_config"}},
    {"Addresses and connections",
     {"listen", "unix_socket_mode", "max_connections", "max_connections_per_peer",
      "handshake_seconds", "idle_connection_seconds", "connection_age_seconds",
      "connection_grace_seconds"}},
    {"TLS and callers", {"tls_cert", "tls_key", "tls_client_ca", "callers_file"}},
    {"Speed and memory",
     {"weights", "activations", "threads", "pin_threads", "simd", "packed_weights_cache",
      "memory_bytes", "kv_cache_bytes", "kv_cache_type", "call_memory_bytes"}},
    {"The batch and the queue",
     {"max_running", "step_tokens", "max_queued", "max_queued_tokens", "max_priority",
      "priority_ageing_seconds", "kv_overcommit", "speculate"}},
    {"The prefix cache", {"prefix_cache", "report_cached_tokens", "kv_events"}},
    {"Clients that do not read, steps that hang, the end",
     {"stalled_reader_seconds", "worker_hang_seconds", "drain_seconds"}},
    {"Metrics, traces and logs",
     {"metrics_address", "metrics_aliases", "otlp_endpoint", "trace_ratio", "log_level",
      "log_format", "log_prompts"}},
    {"Instead of serving", {"print_config", "config_check"}},
};

constexpr absl::string_view kEnd = R"(
  --version
      Print the version and exit.

Where flags come from:

  --max_queued=7, --max-queued=7 and --max_queued 7 are the same. --speculate is --speculate=true,
  --nospeculate is --speculate=false.

  --flagfile=FILE reads flags from a file, in the flag's place: one on a line, with its value; a line
  that begins with # is a comment.

  CASCADE_MAX_QUEUED=7 in the environment sets --max_queued, and so for every flag. The command
  line takes precedence, and of a flag that is given twice the later one counts. If no --flagfile is
  given, the command line begins with the file that CASCADE_FLAGFILE names.

Exit status: 0 after SIGTERM, SIGINT or SIGHUP; 1 if the server cannot start or cannot end; 2 if the
command line is wrong. What is wrong is the last line on stderr.
)";

}  // namespace

std::string HelpText() {
  std::string text =
      "cascade-server: serves a GPT-2 model over gRPC.\n\n"
      "  cascade-server --model=FOLDER [--flag=value ...]\n";
  for (const Group& group : kGroups) {
    absl::StrAppend(&text, "\n", group.title, ":\n");
    for (const absl::string_view name : group.flags) {
      const absl::CommandLineFlag& flag = *absl::FindCommandLineFlag(name);
      const std::string value = flag.DefaultValue();
      absl::StrAppend(&text, "\n  --", name, value.empty() ? "" : absl::StrCat("=", value),
                      "\n      ", absl::StrReplaceAll(flag.Help(), {{"\n", "\n      "}}), "\n");
    }
  }
  absl::StrAppend(&text, kEnd);
  return text;
}

}  // namespace cascade::server
