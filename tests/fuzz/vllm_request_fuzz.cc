// SPDX-License-Identifier: Apache-2.0
// As request_fuzz.cc, for the messages of vllm.grpc.engine.
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "server/grpc/request/preparation.h"
#include "server/grpc/vllm/request.h"
#include "tests/fuzz/request_checks.h"

namespace cascade::server {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const FuzzedModel fuzzed;
  engine_pb::GenerateRequest request;
  if (!request.ParseFromArray(data, static_cast<int>(size))) return 0;
  if (const absl::Status status = Validate(request, fuzzed.info); !status.ok()) {
    ExpectTold(status);
    return 0;
  }
  Violations violations;
  const absl::StatusOr<PreparedRequest> prepared = Prepare(
      ToTextRequest(request, violations), absl::InfiniteFuture(), fuzzed.info, fuzzed.tokenizer);
  if (prepared.ok()) {
    ExpectRunnable(prepared->generation, fuzzed.info);
  } else {
    ExpectTold(prepared.status());
  }
  return 0;
}

}  // namespace cascade::server
