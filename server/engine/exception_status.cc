// SPDX-License-Identifier: Apache-2.0

#include "server/engine/exception_status.h"

#include <exception>
#include <new>

#include "absl/strings/str_cat.h"

namespace cascade::server {

absl::Status StatusOfException(absl::string_view when) noexcept {
  try {
    try {
      throw;
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError(absl::StrCat("memory ran out while ", when));
    } catch (const std::exception& error) {
      return absl::InternalError(absl::StrCat("an error while ", when, ": ", error.what()));
    } catch (...) {
      return absl::InternalError(absl::StrCat("an error while ", when));
    }
  } catch (...) {  // the message takes memory too
    return absl::Status(absl::StatusCode::kResourceExhausted, "");
  }
}

}  // namespace cascade::server
