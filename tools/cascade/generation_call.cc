// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/generation_call.h"

#include "client/unbroken_stream.h"
#include "tools/cascade/interrupt.h"

namespace cascade::cli {

CallEnd StreamGeneration(const v1::GenerateRequest& request, Connection& connection,
                         EventPrinter& printer) {
  client::UnbrokenStream stream(connection.replicas(), request, connection.stream_options());
  const Interrupt interrupt([&stream] { stream.Cancel(); });
  const grpc::Status status =
      stream.Run([&printer](const v1::GenerateEvent& event) { printer.Print(event); });
  printer.End();
  return {.status = status, .signal = interrupt.signal(), .breaks = stream.stats().breaks};
}

}  // namespace cascade::cli
