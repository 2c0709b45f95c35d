// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/duration.h"

#include <cstdint>

namespace cascade::server {

void ToProto(absl::Duration duration, google::protobuf::Duration& out) {
  absl::Duration rest;
  out.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  out.set_nanos(static_cast<std::int32_t>(absl::ToInt64Nanoseconds(rest)));
}

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

}  // namespace cascade::server
