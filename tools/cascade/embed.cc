// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
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
One line for each TEXT: the numbers of its vector, the model's final hidden state of its last token.
With --pooling=mean the mean of all tokens' states, with --pooling=tokens a line for each token.
Every number has as many digits as tell it from its neighbors. One TEXT may be "-": standard input,
less a newline at its end.

  cascade embed "The old king" "The young queen"
  cascade embed --pooling=mean --normalize "Once upon a time"
  cascade embed --json - < story.txt
)";

// "last", "mean" or "tokens".
std::optional<v1::Pooling> PoolingNamed(absl::string_view name) {
  if (name == "last") return v1::POOLING_LAST;
  if (name == "mean") return v1::POOLING_MEAN;
  if (name == "tokens") return v1::POOLING_TOKENS;
  return std::nullopt;
}

std::string Lines(const v1::EmbedResponse& response) {
  std::string lines;
  for (const v1::Embedding& embedding : response.embeddings()) {
    for (const v1::Vector& vector : embedding.vectors()) {
      for (int i = 0; i < vector.values_size(); ++i) {
        absl::StrAppendFormat(&lines, "%s%.9g", i == 0 ? "" : " ", vector.values(i));
      }
      absl::StrAppend(&lines, "\n");
    }
  }
  return lines;
}

class EmbedCommand : public Command {
 public:
  Description description() const override {
    return {.name = "embed",
            .arguments = "TEXT...",
            .summary = "Shows the hidden states of texts.",
            .details = kDetails,
            .timeout = kGenerationTimeout};
  }

  void AddFlags(Flags& flags) override {
    flags.Add("pooling", "NAME", "last, mean or tokens (last)", &pooling_);
    flags.Add("normalize", "", "divide each vector by its length", &normalize_);
    flags.BeginGroup("The texts");
    flags.Add("token_ids", "ID,...", "one text as token ids, instead of TEXT", &token_ids_);
    flags.Add("keep_newline", "", "keep the newline at the end of standard input", &keep_newline_);
    flags.Add("parse_special_tokens", "", "read <|endoftext|> in TEXT as the token, not as text",
              &parse_special_tokens_);
    flags.Add("truncate", "", "drop the beginning of a text that is too long", &truncate_);
    flags.Add("max_prompt_tokens", "N", "keep no more than the last N of its tokens",
              &max_prompt_tokens_);
    flags.BeginGroup("How it is served");
    flags.Add("priority", "N", "higher ones start first; more than 0 if the server allows it",
              &priority_);
    flags.Add("cache_salt", "TEXT", "share the prefix cache among equal salts only", &cache_salt_);
    flags.Add("bypass_cache", "", "neither use nor feed the prefix cache", &bypass_cache_);
    flags.Add("request_id", "ID", "what the server's log calls this request", &request_id_);
  }

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
               Console& console) override {
    if (arguments.empty() == token_ids_.empty()) {
      return UsageError("needs either TEXTs or --token_ids", console);
    }
    v1::EmbedRequest request;
    if (const std::string wrong = Fill(arguments, console, request); !wrong.empty()) {
      return UsageError(wrong, console);
    }
    v1::EmbedResponse response;
    grpc::ClientContext context;
    const Interrupt interrupt([&context] { context.TryCancel(); });
    Connection connection(options);
    connection.SetDeadline(context);
    const grpc::Status status = connection.text_generation().Embed(&context, request, &response);
    if (interrupt.signal() != 0) {
      console.Complain("interrupted");
      return ExitCode::kInterrupted;
    }
    if (!status.ok()) {
      console.Complain(connection.Explain(status));
      return ExitCode::kFailed;
    }
    console.Write(options.json ? JsonLine(response) : Lines(response));
    return ExitCode::kOk;
  }

 private:
  // What is wrong with the command line; empty if nothing is.
  std::string Fill(const std::vector<std::string>& arguments, Console& console,
                   v1::EmbedRequest& request) const {
    const std::optional<v1::Pooling> pooling = PoolingNamed(pooling_);
    if (!pooling) return "--pooling: must be last, mean or tokens";
    request.set_pooling(*pooling);
    for (const std::string& argument : arguments) {
      const std::optional<std::string> text = TextArgument(argument, keep_newline_, console.in);
      if (!text) return absl::StrCat("standard input has more than ", kMaxTextBytes, " bytes");
      if (!IsUtf8(*text)) return "a text is not UTF-8";
      request.add_inputs()->set_text(*text);
    }
    if (!token_ids_.empty()) {
      request.add_inputs()->mutable_token_ids()->mutable_ids()->Add(token_ids_.begin(),
                                                                    token_ids_.end());
    }
    request.set_normalize(normalize_);
    request.set_parse_special_tokens(parse_special_tokens_);
    if (truncate_) request.mutable_truncation();
    if (max_prompt_tokens_) {
      request.mutable_truncation()->set_max_prompt_tokens(*max_prompt_tokens_);
    }
    request.set_priority(priority_);
    request.mutable_cache()->set_salt(cache_salt_);
    request.mutable_cache()->set_bypass(bypass_cache_);
    request.set_request_id(request_id_);
    return "";
  }

  std::string pooling_ = "last";
  bool normalize_ = false;
  std::vector<std::uint32_t> token_ids_;
  bool keep_newline_ = false;
  bool parse_special_tokens_ = false;
  bool truncate_ = false;
  std::optional<std::uint32_t> max_prompt_tokens_;
  std::int32_t priority_ = 0;
  std::string cache_salt_;
  bool bypass_cache_ = false;
  std::string request_id_;
};

}  // namespace

std::unique_ptr<Command> MakeEmbedCommand() { return std::make_unique<EmbedCommand>(); }

}  // namespace cascade::cli
