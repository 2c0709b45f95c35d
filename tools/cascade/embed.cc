// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/cascade/call_end.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/event_printer.h"
#include "tools/cascade/interrupt.h"
#include "tools/cascade/serving_flags.h"
#include "tools/cascade/text_flags.h"

namespace cascade::cli {
namespace {

constexpr absl::string_view kDetails = R"(
One line for each TEXT: the numbers of its vector, the model's final hidden state of its last token.
With --pooling=mean the mean of all tokens' states, with --pooling=tokens a line for each token.
Every number has as many digits as tell it from its neighbors. One TEXT may be "-": standard input,
without the newline at its end.

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
    text_.AddTo(flags);
    truncation_.AddTo(flags);
    serving_.AddTo(flags);
  }

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
               Console& console) override {
    if (arguments.empty() == token_ids_.empty()) {
      return UsageError("needs either TEXTs or --token_ids", console);
    }
    v1::EmbedRequest request;
    if (absl::Status status = Fill(arguments, console.in, request); !status.ok()) {
      return UsageError(std::string(status.message()), console);
    }
    v1::EmbedResponse response;
    grpc::ClientContext context;
    const Interrupt interrupt([&context] { context.TryCancel(); });
    Connection connection(options);
    connection.SetDeadline(context);
    const grpc::Status status = connection.text_generation().Embed(&context, request, &response);
    const ExitCode code =
        Conclude({.status = status, .signal = interrupt.signal()}, connection, console);
    if (code == ExitCode::kOk) console.Write(options.json ? JsonLine(response) : Lines(response));
    return code;
  }

 private:
  // INVALID_ARGUMENT, in words for the user, if the command line is wrong.
  absl::Status Fill(const std::vector<std::string>& arguments, std::istream& in,
                    v1::EmbedRequest& request) const {
    const std::optional<v1::Pooling> pooling = PoolingNamed(pooling_);
    if (!pooling) return absl::InvalidArgumentError("--pooling: must be last, mean or tokens");
    request.set_pooling(*pooling);
    for (const std::string& argument : arguments) {
      const absl::StatusOr<std::string> text = text_.Read(argument, in);
      if (!text.ok()) return text.status();
      request.add_inputs()->set_text(*text);
    }
    if (!token_ids_.empty()) {
      request.add_inputs()->mutable_token_ids()->mutable_ids()->Add(token_ids_.begin(),
                                                                    token_ids_.end());
    }
    request.set_normalize(normalize_);
    request.set_parse_special_tokens(text_.parse_special_tokens());
    truncation_.Fill(request);
    serving_.Fill(request);
    return absl::OkStatus();
  }

  std::string pooling_ = "last";
  bool normalize_ = false;
  std::vector<std::uint32_t> token_ids_;
  TextFlags text_;
  TruncationFlags truncation_;
  ServingFlags serving_;
};

}  // namespace

std::unique_ptr<Command> MakeEmbedCommand() { return std::make_unique<EmbedCommand>(); }

}  // namespace cascade::cli
