// SPDX-License-Identifier: Apache-2.0
// What the prefix cache has taken up and given up lately.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "model/cache/prefix_observer.h"
#include "model/kernels/kv_block.h"
#include "model/token.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// Names a beginning of sequences, in whole blocks. Not the same in another process.
using PrefixName = std::int64_t;

struct PrefixEvent {
  enum class Kind : std::uint8_t { kStored, kRemoved, kCleared };

  Kind kind = Kind::kStored;
  PrefixName name = 0;                    // unless all was cleared
  std::optional<PrefixName> parent = {};  // of a stored one, that is not the first of a sequence
  std::array<model::TokenId, model::kernels::kBlockPositions> tokens = {};  // of a stored one
};

// What happened in one turn of the worker.
struct PrefixEvents {
  std::uint64_t number = 0;       // consecutive, the first is 1
  std::uint64_t first_event = 0;  // its number, likewise
  std::vector<PrefixEvent> events;
};

// A bounded log. The worker's thread notes events with no lock held, and takes the lock once in a
// turn that had any; it never waits for readers, who lose what they have not read in time. When
// memory runs out, a number is missing: readers see that they lost something.
class PrefixLog final : public model::PrefixObserver {
 public:
  // Keeps `most_kept` events, of some 100 bytes, or those of the last turn if these are more.
  explicit PrefixLog(std::size_t most_kept) : most_kept_(most_kept) {}

  // ---- The worker's thread.

  void OnStored(const std::optional<model::PrefixHash>& parent, const model::PrefixHash& prefix,
                model::BlockTokens tokens) noexcept override;
  void OnRemoved(const model::PrefixHash& prefix) noexcept override;
  void OnCleared() noexcept override;

  // Shows readers what was noted since the last call.
  void Publish() noexcept ABSL_LOCKS_EXCLUDED(mu_);

  // ---- Any thread.

  // The numbers that are kept: from `oldest` to what comes before `next`, which none has yet.
  struct Range {
    std::uint64_t oldest = 1;
    std::uint64_t next = 1;
  };
  Range range() const ABSL_LOCKS_EXCLUDED(mu_);

  // What has this number; null if it is not kept, or does not exist yet.
  std::shared_ptr<const PrefixEvents> Find(std::uint64_t number) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Note(const PrefixEvent& event) noexcept;

  const std::size_t most_kept_;
  std::vector<PrefixEvent> noted_;  // the worker's thread's
  bool lost_ = false;               // likewise: something could not be noted
  std::uint64_t events_ = 0;        // likewise: that were noted before these

  mutable Mutex mu_;
  std::deque<std::shared_ptr<const PrefixEvents>> kept_ ABSL_GUARDED_BY(mu_);
  std::size_t kept_events_ ABSL_GUARDED_BY(mu_) = 0;
  std::uint64_t next_ ABSL_GUARDED_BY(mu_) = 1;
};

}  // namespace cascade::server
