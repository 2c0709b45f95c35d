// SPDX-License-Identifier: Apache-2.0
// One call of GenerateStream, printed as it comes.
#pragma once

#include "cascade/v1/text_generation.pb.h"
#include "tools/cascade/call_end.h"
#include "tools/cascade/connection.h"
#include "tools/cascade/event_printer.h"

namespace cascade::cli {

// Makes the call and gives its events to `printer`, and its end. A signal that Interrupt knows
// cancels it: see there what it asks of threads.
CallEnd StreamGeneration(const v1::GenerateRequest& request, Connection& connection,
                         EventPrinter& printer);

}  // namespace cascade::cli
