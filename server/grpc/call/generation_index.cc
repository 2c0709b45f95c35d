// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/generation_index.h"

namespace cascade::server {

GenerationIndex::Entry::Entry(GenerationIndex& index, absl::string_view owner,
                              absl::string_view request_id, std::atomic<bool>& cancelled)
    : index_(index) {
  const MutexLock lock(index_.mu_);
  place_ = index_.generations_.emplace(Key(owner, request_id), &cancelled);
}

GenerationIndex::Entry::~Entry() {
  const MutexLock lock(index_.mu_);
  index_.generations_.erase(place_);
}

std::size_t GenerationIndex::Cancel(absl::string_view owner, absl::string_view request_id) {
  // An entry leaves the index before its generation is deleted, so under the lock every flag
  // exists.
  const MutexLock lock(mu_);
  const auto [begin, end] = generations_.equal_range(Key(owner, request_id));
  std::size_t count = 0;
  for (auto it = begin; it != end; ++it, ++count) {
    it->second->store(true, std::memory_order_relaxed);
  }
  return count;
}

}  // namespace cascade::server
