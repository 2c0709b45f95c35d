// SPDX-License-Identifier: Apache-2.0
// Finds running generations by their request ids, to cancel them.
#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// All generations of the process by their owners and request ids. Callers choose the ids, so
// several generations of one owner may have the same. Any thread.
class GenerationIndex {
  using Key = std::pair<absl::string_view, absl::string_view>;  // owner, request id
  using Generations = std::multimap<Key, std::atomic<bool>*>;

 public:
  // One generation's place in the index, for as long as this object lives.
  class Entry {
   public:
    // Borrows `owner`, `request_id` and `cancelled`, which Cancel sets.
    Entry(GenerationIndex& index, absl::string_view owner, absl::string_view request_id,
          std::atomic<bool>& cancelled);
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry();

   private:
    GenerationIndex& index_;
    Generations::iterator place_;
  };

  // Cancels every generation of this owner with this id; returns how many there are. The worker
  // sees it between two steps; if all that it has is stalled it sleeps, so call Worker::Wake
  // afterwards.
  std::size_t Cancel(absl::string_view owner, absl::string_view request_id)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Mutex mu_;
  Generations generations_ ABSL_GUARDED_BY(mu_);
};

}  // namespace cascade::server
