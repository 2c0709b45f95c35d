#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace cascade::server {

// Why gRPC could not listen on `address`, which it does not tell: found by trying to bind it.
// UNAVAILABLE, never OK.
absl::Status ListenError(absl::string_view address);

}  // namespace cascade::server
