// SPDX-License-Identifier: Apache-2.0
// The requests of cascade.v1.
#include <cstddef>
#include <cstdint>

#include "server/grpc/v1/request.h"
#include "tests/fuzz/request_checks.h"

namespace cascade::server {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  CheckRequest<v1::GenerateRequest>(data, size);
  return 0;
}

}  // namespace cascade::server
