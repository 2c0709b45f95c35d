// SPDX-License-Identifier: Apache-2.0
// Which sequence has which blocks of the KV cache: at the start, after a fork, after a preemption.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "model/cache/kv_cache.h"
#include "model/token.h"
#include "server/engine/generation_request.h"
#include "server/engine/request_group.h"
#include "server/engine/sequence.h"
#include "server/engine/stats.h"

namespace cascade::server {

// Owns the KV cache. A group starts with all blocks that it may ever need, or, with kv_overcommit,
// with those of its prompt alone; then decoders may find no free block, and the youngest sequence
// is preempted. A preempted sequence gets blocks again only when all that it may ever need are
// free, so that it is not preempted in a circle.
//
// Any sequence that needs blocks may take those of stalled groups, the youngest group's first.
//
// Not thread-safe: only the worker's thread uses it. Functions that allocate memory may throw
// std::bad_alloc and then have placed nothing.
class BlockPlacement {
 public:
  struct Options {
    bool prefix_cache = true;
    bool kv_overcommit = false;
    std::size_t n_ctx = 0;
  };
  using Groups = std::vector<std::unique_ptr<RequestGroup>>;
  using Shared = model::BlockAllocator::Shared;

  // `groups` (in order of their starts) and `counts` are borrowed.
  BlockPlacement(model::KvCache cache, const Options& options, const Groups& groups,
                 Counts& counts);

  model::KvCache& cache() { return cache_; }
  const model::BlockAllocator& blocks() const { return cache_.blocks(); }

  // Blocks for the first choice of a request that is to start, with those that the other choices
  // will need behind its own; nothing if they cannot be had.
  std::optional<Shared> TryAllocateStart(const GenerationRequest& request);

  // Gives the other choices of `first`'s group blocks that share the prompt with it. A choice for
  // which no blocks are free (under overcommit) counts as preempted.
  // REQUIRES: `first` has run exactly the prompt, and no choice has a token yet.
  void ForkPrompt(Sequence& first);

  // Gives the sequences of a group of beams the tokens and the blocks of their next beams, and
  // takes the blocks of those that have none. If there are no blocks for one (under overcommit, or
  // after the group was preempted for another), the whole group is preempted. REQUIRES: all of them
  // have run all their tokens.
  void FollowBeams(RequestGroup& group, std::span<const Beams::Move> moves);

  // Gives blocks to a preempted sequence. False if they cannot be had.
  // REQUIRES: its group is not stalled, and no other choice of it runs the prompt.
  bool TryPlaceAgain(Sequence& sequence);

  // Makes sure that each of the sequences `ready` has blocks for the tokens that it is to run, by
  // preempting the youngest ones: some of `ready` may have no blocks afterwards.
  void MakeRoom(std::span<Sequence* const> ready);

  // Takes the blocks of a sequence. Beams wait for each other, so of these none keeps its blocks:
  // two groups could otherwise each hold what the other waits for.
  void Preempt(Sequence& sequence);

  // Offers the full blocks of `sequence` to later requests, if its request allows that. Takes no
  // memory.
  void Publish(Sequence& sequence);

 private:
  bool Shares(const GenerationRequest& request) const;
  bool TryFork(Sequence& sequence, const Sequence& source, std::size_t positions,
               std::size_t capacity);
  std::optional<Shared> TryAllocate(const GenerationRequest& request,
                                    std::span<const model::TokenId> tokens, std::size_t positions);
  std::optional<Shared> TryAllocateFromStalled(const GenerationRequest& request,
                                               std::span<const model::TokenId> tokens,
                                               std::size_t positions);
  bool TryWithBlocksOfStalled(std::size_t blocks, absl::FunctionRef<bool()> attempt);
  Sequence& ChooseVictim() const;

  model::KvCache cache_;
  const Options options_;
  const Groups& groups_;
  Counts& counts_;
};

}  // namespace cascade::server
