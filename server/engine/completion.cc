// SPDX-License-Identifier: Apache-2.0

#include "server/engine/completion.h"

#include <utility>

#include "server/engine/exception_status.h"

namespace cascade::server {

void Deliver(Completion completion) {
  try {
    for (Completion::LastStep& last : completion.last_steps) {
      completion.sink->OnStep(last.choice, std::move(last.step));
    }
  } catch (...) {
    completion.status = StatusOfException(kWhileRunning);
  }
  if (completion.status.ok()) {
    completion.sink->OnFinished(completion.stats);
  } else {
    completion.sink->OnFailed(std::move(completion.status));
  }
}

}  // namespace cascade::server
