// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/outbox.h"

#include <utility>

namespace cascade::server {

Outbox::Outbox() : thread_([this] { Run(); }) {}

Outbox::~Outbox() {
  {
    const MutexLock lock(mu_);
    ending_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

void Outbox::Post(Sender& sender) {
  const MutexLock lock(mu_);
  sender.next_ = nullptr;
  (first_ == nullptr ? first_ : last_->next_) = &sender;
  last_ = &sender;
  changed_.notify_one();
}

void Outbox::Run() {
  while (Sender* sender = TakeAll()) {
    while (sender != nullptr) {
      Sender* const next =
          sender->next_;  // read before Send, after which it may be deleted or posted
      sender->Send();
      sender = next;
    }
  }
}

Outbox::Sender* Outbox::TakeAll() {
  const MutexLock lock(mu_);
  while (first_ == nullptr && !ending_) changed_.wait(mu_);
  return std::exchange(first_, nullptr);
}

}  // namespace cascade::server
