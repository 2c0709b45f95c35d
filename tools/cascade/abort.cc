// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/event_printer.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

constexpr absl::string_view kDetails = R"(
Ends your own requests, by the ids that they were sent with (--request_id) or that `cascade generate
--json` tells: their calls end with CANCELLED. Prints the ids of those that were there. Exits
with 1 if one was not, and names it on standard error: it may have finished by itself.

  cascade abort my-request-7
)";

class AbortCommand : public Command {
 public:
  Description description() const override {
    return {"abort", "ID...", "Ends requests that are running or waiting.", kDetails};
  }

  void AddFlags(Flags& /*flags*/) override {}

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
               Console& console) override {
    if (arguments.empty()) return UsageError("needs the ID of a request", console);
    v1::AbortRequest request;
    request.mutable_request_ids()->Add(arguments.begin(), arguments.end());
    v1::AbortResponse response;
    grpc::ClientContext context;
    Connection connection(options);
    connection.SetDeadline(context);
    const grpc::Status status = connection.text_generation().Abort(&context, request, &response);
    if (!status.ok()) {
      console.Complain(connection.Explain(status));
      return ExitCode::kFailed;
    }
    if (options.json) {
      console.Write(JsonLine(response));
    } else {
      for (const std::string& id : response.request_ids()) console.Write(absl::StrCat(id, "\n"));
    }
    return ComplainOfMissing(arguments, response, console);
  }

 private:
  // Names each of `ids` that the server did not abort; kFailed if there is one.
  static ExitCode ComplainOfMissing(const std::vector<std::string>& ids,
                                    const v1::AbortResponse& response, Console& console) {
    ExitCode code = ExitCode::kOk;
    for (const std::string& id : ids) {
      if (absl::c_linear_search(response.request_ids(), id)) continue;
      console.Complain(
          absl::StrCat("you have no request ", Quoted(id), " that is running or waiting"));
      code = ExitCode::kFailed;
    }
    return code;
  }
};

}  // namespace

std::unique_ptr<Command> MakeAbortCommand() { return std::make_unique<AbortCommand>(); }

}  // namespace cascade::cli
