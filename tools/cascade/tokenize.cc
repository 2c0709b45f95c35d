// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/event_printer.h"
#include "tools/cascade/text.h"
#include "tools/cascade/text_flags.h"

namespace cascade::cli {
namespace {

constexpr absl::string_view kDetails = R"(
One line for each token: its id and its piece of the text. A piece that is not whole characters is
shown by its bytes (\xNN). "-" as TEXT reads standard input, without the newline at
its end.

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
    text_.AddTo(flags);
  }

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
               Console& console) override {
    if (arguments.size() != 1) return UsageError("needs one TEXT: quote it", console);
    const absl::StatusOr<std::string> text = text_.Read(arguments[0], console.in);
    if (!text.ok()) return UsageError(std::string(text.status().message()), console);
    v1::TokenizeRequest request;
    request.set_text(*text);
    request.set_parse_special_tokens(text_.parse_special_tokens());
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
  TextFlags text_;
};

}  // namespace

std::unique_ptr<Command> MakeTokenizeCommand() { return std::make_unique<TokenizeCommand>(); }

}  // namespace cascade::cli
