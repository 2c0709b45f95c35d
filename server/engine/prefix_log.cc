// SPDX-License-Identifier: Apache-2.0

#include "server/engine/prefix_log.h"

#include <algorithm>
#include <new>
#include <utility>

#include "absl/hash/hash.h"

namespace cascade::server {
namespace {

// Hashed once more, so that the index's own hashes, which are keyed with a secret, are not told.
PrefixName NameOf(const model::PrefixHash& prefix) {
  return static_cast<PrefixName>(absl::Hash<model::PrefixHash>()(prefix));
}

}  // namespace

void PrefixLog::OnStored(const std::optional<model::PrefixHash>& parent,
                         const model::PrefixHash& prefix, model::BlockTokens tokens) noexcept {
  PrefixEvent event;
  event.kind = PrefixEvent::Kind::kStored;
  event.name = NameOf(prefix);
  if (parent) event.parent = NameOf(*parent);
  std::copy(tokens.begin(), tokens.end(), event.tokens.begin());
  Note(event);
}

void PrefixLog::OnRemoved(const model::PrefixHash& prefix) noexcept {
  PrefixEvent event;
  event.kind = PrefixEvent::Kind::kRemoved;
  event.name = NameOf(prefix);
  Note(event);
}

void PrefixLog::OnCleared() noexcept {
  PrefixEvent event;
  event.kind = PrefixEvent::Kind::kCleared;
  Note(event);
}

void PrefixLog::Note(const PrefixEvent& event) noexcept {
  try {
    noted_.push_back(event);
  } catch (const std::bad_alloc&) {
    lost_ = true;
  }
}

void PrefixLog::Publish() noexcept {
  if (noted_.empty() && !lost_) return;
  std::shared_ptr<PrefixEvents> batch;
  std::deque<std::shared_ptr<const PrefixEvents>> dropped;  // freed when the lock is free
  const std::size_t count = noted_.size();
  try {
    batch = std::make_shared<PrefixEvents>();
    batch->first_event = events_ + 1;
    batch->events.swap(noted_);
  } catch (const std::bad_alloc&) {
    noted_.clear();
    lost_ = true;
  }
  events_ += count;
  const MutexLock lock(mu_);
  try {
    if (!lost_) {
      batch->number = next_;
      kept_.push_back(std::move(batch));
      kept_events_ += count;
    }
  } catch (const std::bad_alloc&) {
    lost_ = true;
  }
  ++next_;
  if (lost_) kept_.swap(dropped);  // whoever reads on must notice
  lost_ = false;
  if (kept_.empty()) kept_events_ = 0;
  while (kept_.size() > 1 && kept_events_ > most_kept_) {
    kept_events_ -= kept_.front()->events.size();
    kept_.pop_front();
  }
}

PrefixLog::Range PrefixLog::range() const {
  const MutexLock lock(mu_);
  return {.oldest = kept_.empty() ? next_ : kept_.front()->number, .next = next_};
}

std::shared_ptr<const PrefixEvents> PrefixLog::Find(std::uint64_t number) const {
  const MutexLock lock(mu_);
  if (kept_.empty() || number < kept_.front()->number || number >= next_) return nullptr;
  return kept_[static_cast<std::size_t>(number - kept_.front()->number)];
}

}  // namespace cascade::server
