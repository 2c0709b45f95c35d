#include "server/engine/completion.h"

#include <exception>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::server {

void Deliver(Completion completion) {
  if (completion.last_step) {
    try {
      completion.sink->OnStep(completion.last_step->choice, std::move(completion.last_step->step));
    } catch (...) {
      completion.status = StatusOfException();
    }
  }
  if (completion.status.ok()) {
    completion.sink->OnFinished(completion.timings);
  } else {
    completion.sink->OnFailed(std::move(completion.status));
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
