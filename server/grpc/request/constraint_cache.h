// SPDX-License-Identifier: Apache-2.0
// Constraints that were compiled for earlier requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/constraints/constraint.h"
#include "model/constraints/constraint_spec.h"
#include "model/constraints/token_trie.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// Keeps the constraints that were asked for last, for the next request with the same one: a schema
// usually comes many times, and what its first request has learned of it, the others need not learn
// again. Any thread.
class ConstraintCache {
 public:
  // Each has at most a few MiB (model::Constraint::max_bytes).
  static constexpr std::size_t kMaxKept = 16;

  // Borrows the trie, which must outlive the cache and all that comes from it.
  explicit ConstraintCache(const model::TokenTrie& trie) : trie_(trie) {}

  // The constraint that `spec` says. Only requests with equal salts share one: how long this takes
  // tells whether it was there. INVALID_ARGUMENT as model::GrammarOf and model::Constraint::Make.
  absl::StatusOr<std::shared_ptr<model::Constraint>> Get(const model::ConstraintSpec& spec,
                                                         absl::string_view salt);

 private:
  using Key = std::pair<std::string, model::ConstraintSpec>;
  struct Entry {
    std::shared_ptr<model::Constraint> constraint;
    std::uint64_t last_use = 0;
  };

  std::shared_ptr<model::Constraint> Find(const Key& key);
  void Keep(Key key, std::shared_ptr<model::Constraint> constraint);

  const model::TokenTrie& trie_;
  Mutex mutex_;
  std::map<Key, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cascade::server
