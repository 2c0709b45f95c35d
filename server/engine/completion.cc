#include "server/engine/completion.h"

#include <utility>

#include "server/engine/exception_status.h"

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

absl::Status StatusOfException() noexcept { return StatusOfException("the request was running"); }

}  // namespace cascade::server
