// SPDX-License-Identifier: Apache-2.0
// From an exception to an error.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace cascade::server {

// What the exception that is being handled means for a request. `when` says what was done with the
// request, such as "the request was read", for the message. RESOURCE_EXHAUSTED for std::bad_alloc,
// INTERNAL for every other exception. If there is no memory for the message, RESOURCE_EXHAUSTED
// without one.
// REQUIRES: called from a handler.
absl::Status StatusOfException(absl::string_view when) noexcept;

}  // namespace cascade::server
