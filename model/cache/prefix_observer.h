// SPDX-License-Identifier: Apache-2.0
// Who hears which beginnings of sequences can be shared.
#pragma once

#include <optional>

#include "model/cache/prefix_index.h"

namespace cascade::model {

// Called by the thread that uses the allocator, for blocks under the empty salt alone: a salt keeps
// what was computed to those who know it. None of the functions may wait or throw.
class PrefixObserver {
 public:
  virtual ~PrefixObserver() = default;

  // A block with `tokens` can be shared by sequences that begin with `prefix`, of which `parent` is
  // all but these tokens; no parent: the block is their first.
  virtual void OnStored(const std::optional<PrefixHash>& parent, const PrefixHash& prefix,
                        BlockTokens tokens) noexcept = 0;

  // It cannot any more.
  virtual void OnRemoved(const PrefixHash& prefix) noexcept = 0;

  // No block can.
  virtual void OnCleared() noexcept = 0;
};

}  // namespace cascade::model
