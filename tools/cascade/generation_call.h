// SPDX-License-Identifier: Apache-2.0
// One answer, printed as it comes.
#pragma once

#include "cascade/v1/text_generation.pb.h"
#include "tools/cascade/call_end.h"
#include "tools/cascade/connection.h"
#include "tools/cascade/event_printer.h"

namespace cascade::cli {

// Makes the calls that it takes, one if no server fails, and gives the answer's events to
// `printer`, and its end. A signal that Interrupt knows cancels it: see there what it asks of
// threads.
CallEnd StreamGeneration(const v1::GenerateRequest& request, Connection& connection,
                         EventPrinter& printer);

}  // namespace cascade::cli
