// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/call_end.h"

namespace cascade::cli {

grpc::Status WholeOrLost(const grpc::Status& status, bool whole) {
  if (!status.ok() || whole) return status;
  return {grpc::StatusCode::DATA_LOSS, "the stream ended early: the answer is not whole"};
}

ExitCode Conclude(const CallEnd& end, const Connection& connection, Console& console) {
  if (end.signal != 0) {
    console.Complain("interrupted");
    return ExitCode::kInterrupted;
  }
  if (end.status.ok()) return ExitCode::kOk;
  console.Complain(connection.Explain(end.status));
  return ExitCode::kFailed;
}

}  // namespace cascade::cli
