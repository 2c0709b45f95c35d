// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <fstream>
#include <istream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tools/cascade/call_end.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/event_printer.h"
#include "tools/cascade/generation_call.h"
#include "tools/cascade/interrupt.h"
#include "tools/cascade/recording.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

constexpr absl::string_view kDetails = R"(
Sends the requests again that `cascade generate --record=FILE` has written, and compares each answer
with the recorded one, bit for bit: text, tokens, log-probabilities if they were recorded, and how it
ended. "-" reads standard input. For each answer that differs a line says where, and the exit status
is 1. Servers of one fingerprint give the same bits, so a difference is a bug; if the server has
another fingerprint than the recorded one, a line says so first.

  cascade generate --record=answers.jsonl --logprobs "Once upon a time"
  cascade replay answers.jsonl
)";

class ReplayCommand : public Command {
 public:
  Description description() const override {
    return {.name = "replay",
            .arguments = "FILE",
            .summary = "Sends recorded requests again, and compares the answers bit for bit.",
            .details = kDetails,
            .timeout = kGenerationTimeout};
  }

  void AddFlags(Flags& /*flags*/) override {}

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
               Console& console) override {
    if (arguments.size() != 1) return UsageError("needs one FILE", console);
    std::ifstream file;
    if (arguments[0] != "-") {
      file.open(arguments[0], std::ios::binary);
      if (!file)
        return UsageError(absl::StrCat(arguments[0], ": no file that can be read"), console);
    }
    // Before gRPC has threads, which must not take the signals.
    const BlockedSignals blocked;
    Connection connection(options);
    return ReplayAll(arguments[0] == "-" ? console.in : file, connection, options.json, console);
  }

 private:
  struct Counts {
    std::size_t answers = 0;
    std::size_t different = 0;
    std::string told_fingerprint;  // of the last recording that was made by another server
  };

  static ExitCode ReplayAll(std::istream& in, Connection& connection, bool json, Console& console) {
    Counts counts;
    std::string line;
    for (std::size_t number = 1; std::getline(in, line); ++number) {
      if (line.empty()) continue;
      const absl::StatusOr<Recording> recorded = ParseRecording(line);
      if (!recorded.ok()) {
        console.Complain(absl::StrCat("line ", number, ": ", recorded.status().message()));
        return ExitCode::kFailed;
      }
      const ExitCode code = Replay(*recorded, number, connection, json, counts, console);
      if (code != ExitCode::kOk) return code;
    }
    if (counts.answers == 0) {
      console.Complain("there is nothing to replay");
      return ExitCode::kFailed;
    }
    if (!json) {
      console.Write(absl::StrCat(counts.answers - counts.different, " of ", counts.answers,
                                 " answers are the same, bit for bit\n"));
    }
    return counts.different == 0 ? ExitCode::kOk : ExitCode::kFailed;
  }

  static ExitCode Replay(const Recording& recorded, std::size_t number, Connection& connection,
                         bool json, Counts& counts, Console& console) {
    Recorder again(recorded.request, nullptr);
    const CallEnd end = StreamGeneration(recorded.request, connection, again);
    if (end.signal != 0 || !end.status.ok()) {
      console.Complain(absl::StrCat("line ", number, ":"));
      return Conclude(end, connection, console);
    }
    ++counts.answers;
    TellFingerprint(recorded.answer, again.recording().answer, counts, console);
    const std::string difference = DifferenceOf(recorded.answer, again.recording().answer);
    if (!difference.empty()) ++counts.different;
    if (json) {
      console.Write(absl::StrCat("{\"line\": ", number,
                                 ", \"same\": ", difference.empty() ? "true" : "false", "}\n"));
    }
    if (!difference.empty()) {
      (json ? console.err : console.out)
          << Printable(absl::StrCat("line ", number, ": ", difference)) << std::endl;
    }
    return ExitCode::kOk;
  }

  static void TellFingerprint(const v1::GenerateResponse& recorded,
                              const v1::GenerateResponse& again, Counts& counts, Console& console) {
    const std::string& was = recorded.summary().fingerprint();
    const std::string& is = again.summary().fingerprint();
    if (was == is || was == counts.told_fingerprint) return;
    counts.told_fingerprint = was;
    console.Complain(absl::StrCat("recorded on a server of the fingerprint ", was,
                                  "; this one's is ", is, ": the answers may differ"));
  }
};

}  // namespace

std::unique_ptr<Command> MakeReplayCommand() { return std::make_unique<ReplayCommand>(); }

}  // namespace cascade::cli
