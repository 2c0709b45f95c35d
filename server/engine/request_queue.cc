#include "server/engine/request_queue.h"

#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::server {

absl::Status RequestQueue::TryPush(QueuedRequest& request) {
  std::list<QueuedRequest> node;  // allocated before the lock is taken
  try {
    node.emplace_back();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("there is no memory for one more request");
  }
  const MutexLock lock(mu_);
  if (!closed_.ok()) return closed_;
  if (size_ >= capacity_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the queue is full: ", capacity_, " requests wait"));
  }
  node.front() = std::move(request);
  arrivals_.splice(arrivals_.end(), node);
  ++size_;
  changed_.notify_one();
  return absl::OkStatus();
}

void RequestQueue::Close(absl::Status why) {
  const MutexLock lock(mu_);
  closed_.Update(std::move(why));
  changed_.notify_one();
}

void RequestQueue::Wake() {
  const MutexLock lock(mu_);
  woken_ = true;
  changed_.notify_one();
}

std::size_t RequestQueue::size() const {
  const MutexLock lock(mu_);
  return size_;
}

bool RequestQueue::Receive(bool wait) {
  const MutexLock lock(mu_);
  if (wait) {
    while (size_ == 0 && closed_.ok() && !woken_) changed_.wait(mu_);
  }
  woken_ = false;
  waiting_.splice(waiting_.end(), arrivals_);
  return size_ > 0 || closed_.ok();
}

void RequestQueue::PopFront() {
  waiting_.pop_front();
  Left(1);
}

void RequestQueue::RemoveIf(absl::FunctionRef<bool(const QueuedRequest&)> gone) {
  if (const std::size_t removed = waiting_.remove_if(gone); removed > 0) Left(removed);
}

void RequestQueue::Left(std::size_t count) {
  const MutexLock lock(mu_);
  size_ -= count;
}

}  // namespace cascade::server
