// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "tools/cascade/call_end.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/event_printer.h"
#include "tools/cascade/interrupt.h"
#include "tools/cascade/serving_flags.h"
#include "tools/cascade/text.h"
#include "tools/cascade/text_flags.h"

namespace cascade::cli {
namespace {

constexpr absl::string_view kDetails = R"(
One line for each CONTINUATION: the log-probability of all its tokens after PROMPT, how many they
are, "greedy" if each is the most probable one, and the continuation. A text in the middle of a line
begins with its space. An empty PROMPT ("") stands for the model's end-of-text token. "-" as PROMPT
reads standard input, without the newline at its end. Prompt and continuation are tokenized apart.

  cascade score "The old king" " died" " was very glad"
  cascade score "" "Once upon a time"
  cascade score --logprobs "Once upon" " a time there was"
)";

class ScoreCommand : public Command {
 public:
  Description description() const override {
    return {.name = "score",
            .arguments = "PROMPT CONTINUATION...",
            .summary = "Tells how likely continuations of a prompt are.",
            .details = kDetails,
            .timeout = kGenerationTimeout};
  }

  void AddFlags(Flags& flags) override {
    flags.Add("logprobs", "", "report the log-probability and the rank of each token", &logprobs_);
    text_.AddTo(flags);
    serving_.AddTo(flags);
  }

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
               Console& console) override {
    if (arguments.size() < 2) {
      return UsageError("needs a PROMPT and at least one CONTINUATION: quote them", console);
    }
    const absl::StatusOr<std::string> prompt = text_.Read(arguments[0], console.in);
    if (!prompt.ok()) return UsageError(std::string(prompt.status().message()), console);
    v1::ScoreRequest request;
    v1::ScoreRequest::Item& item = *request.add_items();
    item.mutable_prompt()->set_text(*prompt);
    const std::vector<std::string> continuations(arguments.begin() + 1, arguments.end());
    for (const std::string& text : continuations) item.add_continuations()->set_text(text);
    request.set_logprobs(logprobs_);
    request.set_parse_special_tokens(text_.parse_special_tokens());
    serving_.Fill(request);
    return Stream(request, continuations, options, console);
  }

 private:
  static ExitCode Stream(const v1::ScoreRequest& request,
                         const std::vector<std::string>& continuations, const CallOptions& options,
                         Console& console) {
    grpc::ClientContext context;
    const Interrupt interrupt([&context] { context.TryCancel(); });
    Connection connection(options);
    connection.SetDeadline(context);
    const auto stream = connection.text_generation().Score(&context, request);
    v1::ScoreEvent event;
    std::map<std::uint32_t, v1::ContinuationScore> scores;  // by the continuation
    bool has_summary = false;
    while (stream->Read(&event)) {
      if (options.json) console.Write(JsonLine(event));
      if (event.has_score()) scores[event.score().continuation()] = event.score();
      has_summary |= event.has_summary();
    }
    const bool whole = has_summary && scores.size() == continuations.size();
    const grpc::Status status = WholeOrLost(stream->Finish(), whole);
    const ExitCode code =
        Conclude({.status = status, .signal = interrupt.signal()}, connection, console);
    if (code == ExitCode::kOk && !options.json) console.Write(Table(scores, continuations));
    return code;
  }

  // In the order of the continuations, which is not that in which they were done.
  static std::string Table(const std::map<std::uint32_t, v1::ContinuationScore>& scores,
                           const std::vector<std::string>& continuations) {
    std::string table;
    for (const auto& [place, score] : scores) {
      const std::string text = place < continuations.size() ? Quoted(continuations[place]) : "";
      absl::StrAppendFormat(&table, "%12.6f  %4d tokens  %-6s  %s\n", score.logprob(),
                            score.tokens(), score.is_greedy() ? "greedy" : "", text);
      for (const v1::TokenLogProbs& token : score.logprobs()) {
        absl::StrAppendFormat(&table, "%12.6f  #%d  token %d\n", token.logprob(), token.rank(),
                              token.token_id());
      }
    }
    return table;
  }

  bool logprobs_ = false;
  TextFlags text_;
  ServingFlags serving_;
};

}  // namespace

std::unique_ptr<Command> MakeScoreCommand() { return std::make_unique<ScoreCommand>(); }

}  // namespace cascade::cli
