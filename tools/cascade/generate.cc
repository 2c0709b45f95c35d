// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tools/cascade/call_end.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/event_printer.h"
#include "tools/cascade/generation_call.h"
#include "tools/cascade/generation_flags.h"
#include "tools/cascade/interrupt.h"
#include "tools/cascade/recording.h"
#include "tools/cascade/replica_flags.h"
#include "tools/cascade/serving_flags.h"
#include "tools/cascade/text_flags.h"

namespace cascade::cli {
namespace {

constexpr absl::string_view kDetails = R"(
Streams the text as it is made. TEXT is the prompt; "-" reads it from standard input, without the
newline at its end. A flag that you leave out has the model's own default (`cascade model` shows it).
Ctrl-C cancels.

To a terminal, the prompt comes first and control characters are shown as U+FFFD; a file or a pipe
gets the generated text alone, byte for byte, and a newline. A line on standard error says how the
answer ended, and its seed: with the same --seed you get the same text. With --n, a line before each
answer has its number. --timeout includes the wait in the server's queue.

  cascade generate "Once upon a time"
  cascade generate --temperature=0 --max_new_tokens=40 "The old king"
  cascade generate --stop="." --seed=7 --top_k=40 - < prompt.txt
  cascade generate --n=3 --repetition_penalty=1.2 --banned_word=king "The old"
  cascade generate --beams=4 --n=2 "The old king"
  cascade generate --json_schema=@person.json "The hero of the tale is "
  cascade generate --show_logprobs --temperature=1.2 "The old king"
  cascade generate --json --logprobs --candidates=3 "Once upon a time"
)";

class GenerateCommand : public Command {
 public:
  Description description() const override {
    return {.name = "generate",
            .arguments = "TEXT",
            .summary = "Generates text that continues a prompt.",
            .details = kDetails,
            .timeout = kGenerationTimeout};
  }

  void AddFlags(Flags& flags) override {
    generation_.AddTo(flags);
    flags.BeginGroup("The prompt");
    flags.Add("token_ids", "ID,...", "the prompt as token ids, instead of TEXT", &token_ids_);
    text_.AddTo(flags);
    truncation_.AddTo(flags);
    flags.BeginGroup("What is told");
    flags.Add("logprobs", "", "report the log-probability of each token", &logprobs_);
    flags.Add("show_logprobs", "",
              "on a terminal, shade each token by its probability; elsewhere, and with NO_COLOR "
              "set, the text stays plain",
              &show_logprobs_);
    flags.Add("prompt_logprobs", "", "report the log-probabilities of the prompt's tokens, too",
              &prompt_logprobs_);
    flags.Add(
        "candidates", "N",
        "with --logprobs or --prompt_logprobs, report those of the N most probable tokens, too",
        &candidates_);
    flags.Add("candidate_ids", "ID,...",
              "with --logprobs or --prompt_logprobs, report those of these tokens, too",
              &candidate_ids_);
    flags.Add("ranks", "",
              "with --logprobs or --prompt_logprobs, report each token's rank among all, too",
              &ranks_);
    flags.Add("processed", "",
              "with --logprobs or --show_logprobs, what the token was drawn from: after penalties, "
              "rules, temperature and the like",
              &processed_);
    flags.Add("special_tokens_in_text", "", "show special tokens, such as <|endoftext|>",
              &special_tokens_in_text_);
    flags.Add("report_token_ids", "", "with --json, report the generated tokens' ids",
              &report_token_ids_);
    serving_.AddTo(flags);
    replicas_.AddTo(flags);
    flags.Add("record", "FILE", "add request and answer to this file, for `cascade replay`",
              &record_);
    flags.Add("speculation", "BOOL", "draft tokens ahead; never changes the text (true)",
              &speculation_);
  }

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
               Console& console) override {
    const bool has_ids = !token_ids_.empty();
    if (arguments.size() > 1) return UsageError("more than one TEXT: quote it", console);
    if (arguments.size() + (has_ids ? 1 : 0) != 1) {
      return UsageError("needs either a TEXT or --token_ids", console);
    }
    const absl::StatusOr<std::string> prompt =
        has_ids ? std::string() : text_.Read(arguments[0], console.in);
    if (!prompt.ok()) return UsageError(std::string(prompt.status().message()), console);
    if (show_logprobs_ && options.json) {
      return UsageError("--show_logprobs shades text: with --json, use --logprobs", console);
    }
    const LogProbStyle style = {.table = logprobs_,
                                .shade = show_logprobs_ && console.TakesColors()};
    v1::GenerateRequest request = MakeRequest(*prompt);
    FillResponse(style.shade, *request.mutable_response());
    if (absl::Status status = generation_.Fill(request); !status.ok()) {
      return UsageError(std::string(status.message()), console);
    }
    std::unique_ptr<EventPrinter> printer =
        options.json ? MakeJsonPrinter(console)
                     : MakeTextPrinter(*prompt, request.sampling().n(), console, style);
    CallOptions with_replicas = options;
    replicas_.Fill(with_replicas);
    if (record_.empty()) return Stream(request, with_replicas, *printer, console);
    return StreamAndRecord(request, with_replicas, std::move(printer), console);
  }

 private:
  static ExitCode Stream(const v1::GenerateRequest& request, const CallOptions& options,
                         EventPrinter& printer, Console& console) {
    // Before gRPC has threads, which must not take the signals.
    const BlockedSignals blocked;
    Connection connection(options);
    const CallEnd end = StreamGeneration(request, connection, printer);
    if (end.breaks > 0) {
      console.err << absl::StrCat("[went on at another server: ", end.breaks, "x]\n");
    }
    return Conclude(end, connection, console);
  }

  // The tokens' ids come into the file, whether they were asked for or not.
  ExitCode StreamAndRecord(v1::GenerateRequest request, const CallOptions& options,
                           std::unique_ptr<EventPrinter> printer, Console& console) const {
    request.mutable_response()->set_token_ids(true);
    std::ofstream file(record_, std::ios::binary | std::ios::app);
    if (!file)
      return UsageError(absl::StrCat("--record=", record_, ": cannot be written"), console);
    Recorder recorder(request, std::move(printer));
    const ExitCode code = Stream(request, options, recorder, console);
    if (code != ExitCode::kOk) return code;
    file << RecordingLine(recorder.recording()) << std::flush;
    if (file) return ExitCode::kOk;
    console.Complain(absl::StrCat("--record=", record_, ": the answer could not be written"));
    return ExitCode::kFailed;
  }

  v1::GenerateRequest MakeRequest(const std::string& prompt) const {
    v1::GenerateRequest request;
    if (token_ids_.empty()) {
      request.set_text(prompt);
    } else {
      request.mutable_token_ids()->mutable_ids()->Add(token_ids_.begin(), token_ids_.end());
    }
    request.set_parse_special_tokens(text_.parse_special_tokens());
    truncation_.Fill(request);
    serving_.Fill(request);
    if (speculation_) request.set_speculation(*speculation_);
    return request;
  }

  void FillResponse(bool shade, v1::ResponseOptions& response) const {
    response.set_token_ids(report_token_ids_);
    response.set_special_tokens_in_text(special_tokens_in_text_);
    response.set_logprobs(logprobs_ || shade);
    response.set_prompt_logprobs(prompt_logprobs_);
    response.set_bytes(response.logprobs() || prompt_logprobs_);
    response.set_candidates(candidates_);
    response.mutable_candidate_ids()->Add(candidate_ids_.begin(), candidate_ids_.end());
    response.set_ranks(ranks_);
    if (processed_ && (response.logprobs() || !show_logprobs_)) {
      response.set_distribution(v1::ResponseOptions::DISTRIBUTION_PROCESSED);
    }
  }

  GenerationFlags generation_;
  std::vector<std::uint32_t> token_ids_;
  TextFlags text_;
  TruncationFlags truncation_;
  ServingFlags serving_;
  ReplicaFlags replicas_;
  bool logprobs_ = false;
  bool show_logprobs_ = false;
  bool prompt_logprobs_ = false;
  std::uint32_t candidates_ = 0;
  std::vector<std::uint32_t> candidate_ids_;
  bool ranks_ = false;
  bool processed_ = false;
  bool special_tokens_in_text_ = false;
  bool report_token_ids_ = false;
  std::string record_;
  std::optional<bool> speculation_;
};

}  // namespace

std::unique_ptr<Command> MakeGenerateCommand() { return std::make_unique<GenerateCommand>(); }

}  // namespace cascade::cli
