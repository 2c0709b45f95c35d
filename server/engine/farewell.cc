#include "server/engine/farewell.h"

#include <exception>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::server {

void Say(Farewell farewell) {
  if (farewell.last_step) {
    try {
      farewell.sink->OnStep(*std::move(farewell.last_step));
    } catch (...) {
      farewell.status = StatusOfException();
    }
  }
  if (farewell.status.ok()) {
    farewell.sink->OnFinished(farewell.timings);
  } else {
    farewell.sink->OnFailed(std::move(farewell.status));
  }
}

absl::Status StatusOfException() noexcept {
  try {
    try {
      throw;
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError("memory ran out while the request was running");
    } catch (const std::exception& e) {
      return absl::InternalError(absl::StrCat("a step of the model failed: ", e.what()));
    } catch (...) {
      return absl::InternalError("a step of the model failed");
    }
  } catch (...) {  // no memory for a message either
    return absl::Status(absl::StatusCode::kResourceExhausted, "");
  }
}

}  // namespace cascade::server
