// SPDX-License-Identifier: Apache-2.0
// Finds running generations by their request ids, to cancel them.
#pragma once

#include <atomic>
#include <cstddef>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// All generations of the process by request id. Callers choose the ids, so several generations may
// have the same. Any thread.
class GenerationIndex {
 public:
  // One generation's place in the index, for as long as this object lives.
  class Entry {
   public:
    // Borrows `request_id` and `cancelled`, which Cancel sets.
    Entry(GenerationIndex& index, absl::string_view request_id, std::atomic<bool>& cancelled);
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry();

   private:
    friend class GenerationIndex;
    GenerationIndex& index_;
    std::multimap<absl::string_view, std::atomic<bool>*>::iterator place_;
  };

  // Cancels every generation of this id; returns how many there are. The worker sees it between two
  // steps; if all that it has is stalled it sleeps, so call Worker::Wake afterwards.
  std::size_t Cancel(absl::string_view request_id) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Mutex mu_;
  std::multimap<absl::string_view, std::atomic<bool>*> generations_ ABSL_GUARDED_BY(mu_);
};

}  // namespace cascade::server
