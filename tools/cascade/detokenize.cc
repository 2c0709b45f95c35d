// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/event_printer.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

constexpr absl::string_view kDetails = R"(
IDs may have spaces or commas between them; "-" reads them from standard input. A terminal gets the
text; a file or a pipe gets the bytes as they are, even where they are not UTF-8, and a newline.

  cascade detokenize 306 11 262
  cascade detokenize 306,11,262
  cascade tokenize --ids - < story.txt | cascade detokenize -
)";

// Of standard input: more than a server takes.
constexpr std::size_t kMaxIdBytes = 8 * kMaxTextBytes;

class DetokenizeCommand : public Command {
 public:
  Description description() const override {
    return {"detokenize", "ID...", "Shows the text of token ids.", kDetails};
  }

  void AddFlags(Flags& /*flags*/) override {}

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
               Console& console) override {
    std::optional<std::string> words = absl::StrJoin(arguments, " ");
    if (words == "-") words = ReadAtMost(console.in, kMaxIdBytes);
    if (!words) {
      return UsageError(absl::StrCat("standard input has more than ", kMaxIdBytes, " bytes"),
                        console);
    }
    const absl::StatusOr<std::vector<std::uint32_t>> ids = ParseTokenIds(*words);
    if (!ids.ok()) return UsageError(ids.status().message(), console);
    if (ids->empty()) return UsageError("needs at least one ID", console);
    v1::DetokenizeRequest request;
    request.mutable_token_ids()->Add(ids->begin(), ids->end());
    v1::DetokenizeResponse response;
    grpc::ClientContext context;
    Connection connection(options);
    connection.SetDeadline(context);
    const grpc::Status status =
        connection.text_generation().Detokenize(&context, request, &response);
    if (!status.ok()) {
      console.Complain(connection.Explain(status));
      return ExitCode::kFailed;
    }
    const std::string& text = console.out_is_terminal ? response.text() : response.raw();
    console.Write(options.json ? JsonLine(response) : absl::StrCat(text, "\n"));
    return ExitCode::kOk;
  }
};

}  // namespace

std::unique_ptr<Command> MakeDetokenizeCommand() { return std::make_unique<DetokenizeCommand>(); }

}  // namespace cascade::cli
