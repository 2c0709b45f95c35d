// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/constraint_cache.h"

#include <algorithm>

namespace cascade::server {

absl::StatusOr<std::shared_ptr<model::Constraint>> ConstraintCache::Get(
    const model::ConstraintSpec& spec, absl::string_view salt) {
  Key key(salt, spec);
  if (std::shared_ptr<model::Constraint> found = Find(key)) return found;
  // Without the lock: others need not wait. Of two that are compiled at once the later one stays.
  const absl::StatusOr<model::Grammar> grammar = model::GrammarOf(spec);
  if (!grammar.ok()) return grammar.status();
  absl::StatusOr<std::shared_ptr<model::Constraint>> made =
      model::Constraint::Make(*grammar, trie_);
  if (made.ok()) Keep(std::move(key), *made);
  return made;
}

std::shared_ptr<model::Constraint> ConstraintCache::Find(const Key& key) {
  const MutexLock lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  found->second.last_use = ++uses_;
  return found->second.constraint;
}

void ConstraintCache::Keep(Key key, std::shared_ptr<model::Constraint> constraint) {
  const MutexLock lock(mutex_);
  entries_[std::move(key)] = {.constraint = std::move(constraint), .last_use = ++uses_};
  if (entries_.size() <= kMaxKept) return;
  entries_.erase(std::ranges::min_element(entries_, {},
                                          [](const auto& entry) { return entry.second.last_use; }));
}

}  // namespace cascade::server
