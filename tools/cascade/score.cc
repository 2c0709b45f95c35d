// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/event_printer.h"
#include "tools/cascade/interrupt.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

constexpr absl::string_view kDetails = R"(
One line for each CONTINUATION: the log-probability of all its tokens after PROMPT, how many they
are, "greedy" if each is the most probable one, and the continuation. A text in the middle of a line
begins with its space. An empty PROMPT ("") stands for the model's end-of-text token. "-" as PROMPT
reads standard input, less a newline at its end. Prompt and continuation are tokenized apart.

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
    flags.Add("keep_newline", "", "keep the newline at the end of standard input", &keep_newline_);
    flags.Add("parse_special_tokens", "", "read <|endoftext|> in texts as the token, not as text",
              &parse_special_tokens_);
    flags.BeginGroup("How it is served");
    flags.Add("priority", "N", "higher ones start first; more than 0 if the server allows it",
              &priority_);
    flags.Add("cache_salt", "TEXT", "share the prefix cache among equal salts only", &cache_salt_);
    flags.Add("bypass_cache", "", "neither use nor feed the prefix cache", &bypass_cache_);
    flags.Add("request_id", "ID", "what the server's log calls this request", &request_id_);
  }

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
               Console& console) override {
    if (arguments.size() < 2) {
      return UsageError("needs a PROMPT and at least one CONTINUATION: quote them", console);
    }
    const std::optional<std::string> prompt = TextArgument(arguments[0], keep_newline_, console.in);
    if (!prompt) {
      return UsageError(absl::StrCat("standard input has more than ", kMaxTextBytes, " bytes"),
                        console);
    }
    v1::ScoreRequest request;
    v1::ScoreRequest::Item& item = *request.add_items();
    if (!IsUtf8(*prompt)) return UsageError("the prompt is not UTF-8", console);
    item.mutable_prompt()->set_text(*prompt);
    const std::vector<std::string> continuations(arguments.begin() + 1, arguments.end());
    for (const std::string& text : continuations) item.add_continuations()->set_text(text);
    request.set_logprobs(logprobs_);
    request.set_parse_special_tokens(parse_special_tokens_);
    request.set_priority(priority_);
    request.mutable_cache()->set_salt(cache_salt_);
    request.mutable_cache()->set_bypass(bypass_cache_);
    request.set_request_id(request_id_);
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
    grpc::Status status = stream->Finish();
    if (interrupt.signal() != 0) {
      console.Complain("interrupted");
      return ExitCode::kInterrupted;
    }
    if (status.ok() && !(has_summary && scores.size() == continuations.size())) {
      status = {grpc::StatusCode::DATA_LOSS, "the stream ended early: the answer is not whole"};
    }
    if (!status.ok()) {
      console.Complain(connection.Explain(status));
      return ExitCode::kFailed;
    }
    if (!options.json) console.Write(Table(scores, continuations));
    return ExitCode::kOk;
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
  bool keep_newline_ = false;
  bool parse_special_tokens_ = false;
  std::int32_t priority_ = 0;
  std::string cache_salt_;
  bool bypass_cache_ = false;
  std::string request_id_;
};

}  // namespace

std::unique_ptr<Command> MakeScoreCommand() { return std::make_unique<ScoreCommand>(); }

}  // namespace cascade::cli
