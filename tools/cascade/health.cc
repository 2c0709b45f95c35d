// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/event_printer.h"

namespace cascade::cli {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr absl::string_view kDetails = R"(
Prints the health status, and exits with 0 if it is SERVING, with 1 if not. It is SERVING while the
server takes requests. With --service= (empty) it says whether the process is alive, which it is
while it loads its model or drains, too.

  cascade health --timeout=2s
)";

class HealthCommand : public Command {
 public:
  Description description() const override {
    return {"health", "", "Asks whether the server is serving.", kDetails};
  }

  void AddFlags(Flags& flags) override {
    flags.Add("service", "NAME", "whose health; empty: the process's (cascade.v1.TextGeneration)",
              &service_);
  }

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
               Console& console) override {
    if (!arguments.empty()) return UsageError("takes no arguments", console);
    HealthCheckRequest request;
    request.set_service(service_);
    HealthCheckResponse response;
    grpc::ClientContext context;
    Connection connection(options);
    connection.SetDeadline(context);
    const grpc::Status status = connection.health().Check(&context, request, &response);
    if (!status.ok()) {
      console.Complain(connection.Explain(status));
      return ExitCode::kFailed;
    }
    console.Write(options.json ? JsonLine(response) : absl::StrCat(StatusName(response), "\n"));
    return response.status() == HealthCheckResponse::SERVING ? ExitCode::kOk : ExitCode::kFailed;
  }

 private:
  static std::string StatusName(const HealthCheckResponse& response) {
    return HealthCheckResponse::ServingStatus_Name(response.status());
  }

  std::string service_ = v1::TextGeneration::service_full_name();
};

}  // namespace

std::unique_ptr<Command> MakeHealthCommand() { return std::make_unique<HealthCommand>(); }

}  // namespace cascade::cli
