// SPDX-License-Identifier: Apache-2.0
// Between absl::Duration and google.protobuf.Duration.
#pragma once

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"

namespace cascade::server {

// REQUIRES: `duration` is one that a google.protobuf.Duration can hold: up to 10,000 years.
void ToProto(absl::Duration duration, google::protobuf::Duration& out);

// REQUIRES: `duration` is valid.
absl::Duration ToDuration(const google::protobuf::Duration& duration);

}  // namespace cascade::server
