#include "server/grpc/open_calls.h"

namespace cascade::server {

void OpenCalls::WaitUntilNone(absl::Time deadline) {
  const MutexLock lock(mu_);
  while (open_ > 0) {
    if (changed_.wait_until(mu_, absl::ToChronoTime(deadline)) == std::cv_status::timeout) return;
  }
}

void OpenCalls::Enter() {
  const MutexLock lock(mu_);
  ++open_;
}

void OpenCalls::Leave() {
  const MutexLock lock(mu_);
  --open_;
  changed_.notify_all();
}

}  // namespace cascade::server
