// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/call_memory.h"

#include <new>

#include "absl/strings/str_cat.h"

namespace cascade::server {

absl::Status CallMemory::Full() const noexcept {
  try {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the server is full: requests and unread answers hold all of --call_memory_bytes=",
        limit_));
  } catch (const std::bad_alloc&) {
    return absl::Status(absl::StatusCode::kResourceExhausted, "");
  }
}

}  // namespace cascade::server
