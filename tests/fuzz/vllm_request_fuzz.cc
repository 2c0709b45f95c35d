// SPDX-License-Identifier: Apache-2.0
// The requests of vllm.grpc.engine.
#include <cstddef>
#include <cstdint>

#include "server/grpc/vllm/request.h"
#include "tests/fuzz/request_checks.h"

namespace cascade::server {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  CheckRequest<engine_pb::GenerateRequest>(data, size);
  return 0;
}

}  // namespace cascade::server
