// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/generation_call.h"

#include "tools/cascade/interrupt.h"

namespace cascade::cli {

CallEnd StreamGeneration(const v1::GenerateRequest& request, Connection& connection,
                         EventPrinter& printer) {
  grpc::ClientContext context;
  const Interrupt interrupt([&context] { context.TryCancel(); });
  connection.SetDeadline(context);
  const auto stream = connection.text_generation().GenerateStream(&context, request);
  v1::GenerateEvent event;
  bool has_finish = false;
  bool has_summary = false;
  while (stream->Read(&event)) {
    has_finish |= event.has_finish();
    has_summary |= event.has_summary();
    printer.Print(event);
  }
  const grpc::Status status = WholeOrLost(stream->Finish(), has_finish && has_summary);
  printer.End();
  return {.status = status, .signal = interrupt.signal()};
}

}  // namespace cascade::cli
