// SPDX-License-Identifier: Apache-2.0

#include "server/engine/block_placement.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "model/kernels/kv_block.h"
#include "server/engine/limits.h"

namespace cascade::server {
namespace {

using model::kernels::kBlockPositions;

// The capacity of a table that covers `positions` and has `blocks` more behind them.
std::size_t WithSpareBlocks(std::size_t positions, std::size_t blocks) {
  if (blocks == 0) return positions;
  return (model::KvCache::BlocksFor(positions) + blocks) * kBlockPositions;
}

// The tokens, from the first on, whose keys and values may come from the prefix cache. Where tokens
// of the prompt are scored, the positions before them have to be run; where hidden states are
// wanted, their own. (Of the tokens that are looked up, the last is never found: see
// BlockAllocator::TryAllocate.)
std::span<const model::TokenId> MayBeCached(const GenerationRequest& request,
                                            std::span<const model::TokenId> tokens) {
  if (request.hidden_from) return tokens.first(*request.hidden_from + 1);
  const std::size_t first = FirstScored(request);
  return first == request.prompt.size() ? tokens : tokens.first(std::max<std::size_t>(first, 1));
}

}  // namespace

BlockPlacement::BlockPlacement(model::KvCache cache, const Options& options, const Groups& groups,
                               Counts& counts)
    : cache_(std::move(cache)), options_(options), groups_(groups), counts_(counts) {}

bool BlockPlacement::Shares(const GenerationRequest& request) const {
  return options_.prefix_cache && request.use_prefix_cache;
}

// --- Allocating

std::optional<BlockPlacement::Shared> BlockPlacement::TryAllocateStart(
    const GenerationRequest& request) {
  const std::span<const model::TokenId> tokens = MayBeCached(request, request.prompt);
  if (options_.kv_overcommit) {
    return TryAllocateFromStalled(request, tokens, PromptTokensToRun(request));
  }
  // What the forks will need is allocated now, as spare blocks of the first choice: a group that
  // has started can then always fork, and the allocation as a whole succeeds or changes nothing.
  const std::size_t spare = (request.choices - 1) * BlocksPerFork(request, options_.n_ctx);
  return TryAllocateFromStalled(request, tokens,
                                WithSpareBlocks(PositionsNeeded(request, options_.n_ctx), spare));
}

std::optional<BlockPlacement::Shared> BlockPlacement::TryAllocate(
    const GenerationRequest& request, std::span<const model::TokenId> tokens,
    std::size_t positions) {
  if (Shares(request)) return cache_.blocks().TryAllocate(tokens, request.cache_salt, positions);
  std::optional<model::BlockTable> table = cache_.blocks().TryAllocate(positions);
  if (!table) return std::nullopt;
  return Shared{.table = *std::move(table), .cached_tokens = 0};
}

std::optional<BlockPlacement::Shared> BlockPlacement::TryAllocateFromStalled(
    const GenerationRequest& request, std::span<const model::TokenId> tokens,
    std::size_t positions) {
  std::optional<Shared> shared;
  TryWithBlocksOfStalled(model::KvCache::BlocksFor(positions), [&] {
    shared = TryAllocate(request, tokens, positions);
    return shared.has_value();
  });
  return shared;
}

// Calls `attempt` until it succeeds, preempting one sequence of a stalled group after each failure.
// Preempts nobody if that could not free `blocks` blocks.
bool BlockPlacement::TryWithBlocksOfStalled(std::size_t blocks, absl::FunctionRef<bool()> attempt) {
  if (attempt()) return true;
  // An upper bound: blocks that sequences share count several times.
  std::size_t obtainable = cache_.blocks().free_blocks();
  for (const auto& group : groups_) {
    if (!group->stalled()) continue;
    for (const auto& choice : group->choices()) obtainable += choice->blocks().ids().size();
  }
  if (obtainable < blocks) return false;
  for (auto group = groups_.rbegin(); group != groups_.rend(); ++group) {
    if (!(*group)->stalled()) continue;
    const auto& choices = (*group)->choices();
    for (auto choice = choices.rbegin(); choice != choices.rend(); ++choice) {
      if (!(*choice)->has_blocks()) continue;
      Preempt(**choice);
      if (attempt()) return true;
    }
  }
  return false;
}

// --- Forking

void BlockPlacement::ForkPrompt(Sequence& first) {
  const RequestGroup& group = first.group();
  const std::size_t prompt = first.request().prompt.size();
  const std::size_t needed = PositionsNeeded(first.request(), options_.n_ctx);
  cache_.blocks().Shrink(first.blocks(), needed);  // the spare blocks: the forks take them now
  for (const auto& choice : group.choices()) {
    if (choice.get() == &first) continue;
    if (!TryFork(*choice, first, prompt, options_.kv_overcommit ? prompt : needed)) {
      ++counts_.preemptions;
    }
  }
}

// Gives `sequence` the first `positions` positions of `source`, and room for `capacity` in all.
bool BlockPlacement::TryFork(Sequence& sequence, const Sequence& source, std::size_t positions,
                             std::size_t capacity) {
  std::optional<model::BlockTable> fork = cache_.TryFork(source.blocks(), positions, capacity);
  if (fork) sequence.Place(*std::move(fork), positions);
  return fork.has_value();
}

void BlockPlacement::FollowBeams(RequestGroup& group, std::span<const Beams::Move> moves) {
  const auto& sequences = group.choices();
  for (const auto& sequence : sequences) {
    const auto keeps_beam = [&sequence](const Beams::Move& move) {
      return move.sequence == sequence->choice() && move.parent == move.sequence;
    };
    if (std::ranges::none_of(moves, keeps_beam)) sequence->DropBeam();
  }
  // What was dropped, with the spare blocks, is at least what the forks need: all beams are equally
  // long.
  const std::size_t needed = PositionsNeeded(group.request(), options_.n_ctx);
  const std::size_t run = sequences[moves.front().parent]->position();
  const std::size_t capacity = options_.kv_overcommit ? run : needed;
  const std::size_t blocks = model::KvCache::BlocksFor(capacity) - run / kBlockPositions;
  bool has_room = true;
  for (const Beams::Move& move : moves) {
    Sequence& parent = *sequences[move.parent];
    Sequence& sequence = *sequences[move.sequence];
    cache_.blocks().Shrink(parent.blocks(), needed);
    if (move.sequence == move.parent) continue;
    sequence.TakeBeam(parent);
    has_room = has_room && TryWithBlocksOfStalled(
                               blocks, [&] { return TryFork(sequence, parent, run, capacity); });
  }
  // While there are fewer beams than sequences, the first keeps blocks for those to come.
  if (const std::size_t missing = sequences.size() - moves.size();
      missing > 0 && has_room && !options_.kv_overcommit) {
    cache_.blocks().TryExtend(sequences[moves.front().sequence]->blocks(),
                              WithSpareBlocks(needed, missing * blocks));
  }
  for (const Beams::Move& move : moves) sequences[move.sequence]->Append(move.token);
  if (!has_room) Preempt(*sequences[moves.front().parent]);
}

// --- Preempting

bool BlockPlacement::TryPlaceAgain(Sequence& sequence) {
  const RequestGroup& group = sequence.group();
  const GenerationRequest& request = sequence.request();
  assert(!group.stalled() && !group.RunsPrompt());
  const std::size_t needed = PositionsNeeded(request, options_.n_ctx);
  const std::size_t per_fork = BlocksPerFork(request, options_.n_ctx);
  std::size_t spare = 0;
  if (Sequence* const source = group.FindPlaced()) {
    cache_.blocks().Shrink(source->blocks(), needed);
    // Requests that use the prefix cache find the prompt there, and perhaps more. (A table that has
    // published more than the prompt could not be forked at the prompt's end anyway.)
    if (!Shares(request)) {
      return TryWithBlocksOfStalled(
          per_fork, [&] { return TryFork(sequence, *source, request.prompt.size(), needed); });
    }
  } else {
    // The first of its group again: runs the prompt, and keeps room for the others as at the start.
    spare = (group.CountUnfinished() - 1) * per_fork;
  }
  const std::span<const model::TokenId> tokens = group.ScoresPrompt() || request.hidden_from
                                                     ? MayBeCached(request, sequence.tokens())
                                                     : sequence.tokens();
  std::optional<Shared> shared =
      TryAllocateFromStalled(request, tokens, WithSpareBlocks(needed, spare));
  if (shared) sequence.Place(std::move(shared->table), shared->cached_tokens);
  return shared.has_value();
}

void BlockPlacement::MakeRoom(std::span<Sequence* const> ready) {
  if (!options_.kv_overcommit) return;  // every sequence has all the blocks that it may need
  for (Sequence* const sequence : ready) {
    while (sequence->has_blocks() &&
           !cache_.blocks().TryExtend(sequence->blocks(), sequence->tokens().size())) {
      Preempt(ChooseVictim());  // at the latest, `sequence` itself
    }
  }
}

// A stalled sequence if there is one, else any; of several, the youngest.
Sequence& BlockPlacement::ChooseVictim() const {
  Sequence* victim = nullptr;
  for (const auto& group : groups_) {
    for (const auto& choice : group->choices()) {
      if (!choice->has_blocks()) continue;
      if (victim == nullptr || group->stalled() || !victim->group().stalled()) {
        victim = choice.get();
      }
    }
  }
  assert(victim != nullptr);
  return *victim;
}

void BlockPlacement::Preempt(Sequence& sequence) {
  const RequestGroup& group = sequence.group();
  if (group.beams() == nullptr) {
    sequence.ReleaseBlocks();
    ++counts_.preemptions;
    return;
  }
  group.beams()->ForgetAll();
  for (const auto& choice : group.choices()) {
    counts_.preemptions += choice->has_blocks() ? 1U : 0U;
    choice->ReleaseBlocks();
  }
}

void BlockPlacement::Publish(Sequence& sequence) {
  if (Shares(sequence.request())) {
    cache_.blocks().Publish(sequence.blocks(), sequence.run_tokens());
  }
}

}  // namespace cascade::server
