// SPDX-License-Identifier: Apache-2.0

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/event_printer.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

constexpr absl::string_view kDetails = R"(
One line for each token: its id and its piece of the text. A piece that is not whole characters is
shown by its bytes (\xNN). "-" as TEXT reads standard input, less a newline at its end.

  cascade tokenize "Once upon a time"
  cascade detokenize $(cascade tokenize --ids "Once upon a time")
)";

class TokenizeCommand : public Command {
 public:
  Description description() const override {
    return {"tokenize", "TEXT", "Shows the tokens of a text.", kDetails};
  }

  void AddFlags(Flags& flags) override {
    flags.Add("ids", "", "print the ids alone, on one line", &ids_only_);
    flags.Add("keep_newline", "", "keep the newline at the end of standard input", &keep_newline_);
    flags.Add("parse_special_tokens", "", "read <|endoftext|> in TEXT as the token, not as text",
              &parse_special_tokens_);
  }

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
               Console& console) override {
    if (arguments.size() != 1) return UsageError("needs one TEXT: quote it", console);
    const std::optional<std::string> text = TextArgument(arguments[0], keep_newline_, console.in);
    if (!text) {
      return UsageError(absl::StrCat("standard input has more than ", kMaxTextBytes, " bytes"),
                        console);
    }
    if (!IsUtf8(*text)) return UsageError("the text is not UTF-8", console);
    v1::TokenizeRequest request;
    request.set_text(*text);
    request.set_parse_special_tokens(parse_special_tokens_);
    request.set_pieces(!ids_only_);
    v1::TokenizeResponse response;
    grpc::ClientContext context;
    Connection connection(options);
    connection.SetDeadline(context);
    const grpc::Status status = connection.text_generation().Tokenize(&context, request, &response);
    if (!status.ok()) {
      console.Complain(connection.Explain(status));
      return ExitCode::kFailed;
    }
    console.Write(options.json ? JsonLine(response) : Table(response));
    return ExitCode::kOk;
  }

 private:
  std::string Table(const v1::TokenizeResponse& response) const {
    if (ids_only_) return absl::StrCat(absl::StrJoin(response.token_ids(), " "), "\n");
    std::string table;
    for (int i = 0; i < response.token_ids_size() && i < response.pieces_size(); ++i) {
      absl::StrAppendFormat(&table, "%6d  %s\n", response.token_ids(i), Quoted(response.pieces(i)));
    }
    return table;
  }

  bool ids_only_ = false;
  bool keep_newline_ = false;
  bool parse_special_tokens_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeTokenizeCommand() { return std::make_unique<TokenizeCommand>(); }

}  // namespace cascade::cli
