// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/vllm/kv_event_messages.h"

#include <cstddef>
#include <cstdint>

#include "model/kernels/kv_block.h"

namespace cascade::server {
namespace {

using Kind = PrefixEvent::Kind;

// Whether `event` belongs into the message of the one before it.
bool Continues(const PrefixEvent& before, const PrefixEvent& event) {
  if (before.kind != event.kind) return false;
  if (event.kind == Kind::kStored) return event.parent == before.name;
  return event.kind == Kind::kRemoved;
}

void AddBlock(const PrefixEvent& event, common_pb::KvBlocksStored& stored) {
  common_pb::KvBlock& block = *stored.add_blocks();
  block.set_block_hash(event.name);
  block.mutable_token_ids()->Assign(event.tokens.begin(), event.tokens.end());
  block.set_block_size(static_cast<std::int32_t>(model::kernels::kBlockPositions));
}

void FillEvent(const PrefixEvent& event, common_pb::KvCacheEvent& out) {
  switch (event.kind) {
    case Kind::kStored:
      if (event.parent && out.stored().blocks().empty()) {
        out.mutable_stored()->set_parent_block_hash(*event.parent);
      }
      AddBlock(event, *out.mutable_stored());
      return;
    case Kind::kRemoved:
      out.mutable_removed()->add_block_hashes(event.name);
      return;
    case Kind::kCleared:
      out.mutable_cleared();
      return;
  }
}

}  // namespace

void FillEvents(const PrefixEvents& events, common_pb::KvEventBatch& out) {
  out.set_sequence_number(events.number);
  common_pb::KvCacheEvent* last = nullptr;
  for (std::size_t i = 0; i < events.events.size(); ++i) {
    if (i == 0 || !Continues(events.events[i - 1], events.events[i])) {
      last = out.add_events();
      last->set_event_id(events.first_event + i);
    }
    FillEvent(events.events[i], *last);
  }
}

}  // namespace cascade::server
