// SPDX-License-Identifier: Apache-2.0
// A command that asks the server one thing and shows the answer.
#pragma once

#include <string>

#include "tools/cascade/command.h"
#include "tools/cascade/connection.h"
#include "tools/cascade/console.h"
#include "tools/cascade/event_printer.h"

namespace cascade::cli {

// Makes the unary call `method` of the service, with an empty request, and prints its answer: as
// JSON, or as `text` says. Complains and returns kFailed if the call fails.
template <typename Request, typename Response>
ExitCode AskAndShow(grpc::Status (v1::TextGeneration::Stub::*method)(grpc::ClientContext*,
                                                                     const Request&, Response*),
                    std::string (*text)(const Response&), const CallOptions& options,
                    Console& console) {
  Response response;
  grpc::ClientContext context;
  Connection connection(options);
  connection.SetDeadline(context);
  const grpc::Status status = (connection.text_generation().*method)(&context, {}, &response);
  if (!status.ok()) {
    console.Complain(connection.Explain(status));
    return ExitCode::kFailed;
  }
  console.Write(options.json ? JsonLine(response) : text(response));
  return ExitCode::kOk;
}

}  // namespace cascade::cli
