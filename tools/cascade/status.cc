// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "tools/cascade/ask.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

constexpr absl::string_view kDetails = R"(
Shows the requests that run and wait, the KV cache, how fast the server has been in the last ten
seconds in which it had work, and totals since it started.

  cascade status
  cascade status --json
)";

std::string Table(const v1::GetStatusResponse& status) {
  std::string table;
  AppendRow("running",
            absl::StrFormat("%d answers, of which %d wait for their readers and %d for memory",
                            status.running(), status.stalled(), status.preempted()),
            table);
  AppendRow("waiting",
            absl::StrFormat("%d requests, whose prompts have %d tokens", status.waiting(),
                            status.waiting_tokens()),
            table);
  AppendRow("KV cache",
            absl::StrFormat("%.0f %% of %d tokens held, %.0f %% kept for prompts that begin alike",
                            100 * status.kv_cache().used(), status.kv_cache().tokens(),
                            100 * status.kv_cache().cached()),
            table);
  AppendRow(
      "lately",
      absl::StrFormat("%.0f tokens and %.2f requests a second, while it had work",
                      status.rates().tokens_per_second(), status.rates().requests_per_second()),
      table);
  AppendRow("in all",
            absl::StrFormat("%d requests; %d prompt tokens, %d more from the cache; %d generated",
                            status.totals().finished_requests(), status.totals().prompt_tokens(),
                            status.totals().cached_tokens(), status.totals().generated_tokens()),
            table);
  return table;
}

class StatusCommand : public Command {
 public:
  Description description() const override {
    return {"status", "", "Shows how busy the server is.", kDetails};
  }

  void AddFlags(Flags& /*flags*/) override {}

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
               Console& console) override {
    if (!arguments.empty()) return UsageError("takes no arguments", console);
    return AskAndShow(&v1::TextGeneration::Stub::GetStatus, Table, options, console);
  }
};

}  // namespace

std::unique_ptr<Command> MakeStatusCommand() { return std::make_unique<StatusCommand>(); }

}  // namespace cascade::cli
