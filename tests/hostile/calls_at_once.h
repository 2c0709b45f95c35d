// SPDX-License-Identifier: Apache-2.0
// Many unary calls at the same time, each with a status to count.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"

namespace cascade::testing {

// How calls ended: how many with each status, and what one of these said.
struct StatusCount {
  std::size_t calls = 0;
  std::string message;
};
using StatusCounts = std::map<grpc::StatusCode, StatusCount>;

// "200 calls with 0, 12 calls with 8 (no place)".
std::string ToString(const StatusCounts& counts);

// True if every call ended with one of `allowed`.
bool AreAllIn(const StatusCounts& counts, const std::vector<grpc::StatusCode>& allowed);

// Starts `count` calls with `start`, which is given the context, the response and what is to be
// called at the end, and returns when all have ended. Each has `deadline`.
template <typename Response>
StatusCounts CallAtOnce(std::size_t count, std::chrono::system_clock::time_point deadline,
                        const std::function<void(grpc::ClientContext*, Response*,
                                                 std::function<void(grpc::Status)>)>& start) {
  struct Call {
    grpc::ClientContext context;
    Response response;
    grpc::Status status;
  };
  std::vector<std::unique_ptr<Call>> calls;
  absl::BlockingCounter open(static_cast<int>(count));
  for (std::size_t i = 0; i < count; ++i) {
    Call& call = *calls.emplace_back(std::make_unique<Call>());
    call.context.set_deadline(deadline);
    start(&call.context, &call.response, [&call, &open](grpc::Status status) {
      call.status = std::move(status);
      open.DecrementCount();
    });
  }
  open.Wait();
  StatusCounts counts;
  for (const auto& call : calls) {
    StatusCount& with_status = counts[call->status.error_code()];
    ++with_status.calls;
    with_status.message = call->status.error_message();
  }
  return counts;
}

}  // namespace cascade::testing
