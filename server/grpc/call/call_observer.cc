// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/call_observer.h"

#include <limits>

#include "absl/random/random.h"
#include "server/engine/clock.h"

namespace cascade::server {

std::uint64_t RandomId() {
  thread_local absl::InsecureBitGen random;
  return absl::Uniform<std::uint64_t>(absl::IntervalClosed, random, 1,
                                      std::numeric_limits<std::uint64_t>::max());
}

BegunCall::BegunCall(const MethodName& method_name)
    : method(method_name), begun(MonotonicNow()), id(RandomId()) {}

}  // namespace cascade::server
