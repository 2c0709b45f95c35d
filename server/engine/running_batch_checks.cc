// SPDX-License-Identifier: Apache-2.0
// What tests and logs want to know of a running batch.
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/engine/running_batch.h"

namespace cascade::server {

absl::Status RunningBatch::CheckInvariants() const {
  std::vector<const model::BlockTable*> tables;
  for (const auto& group : groups_) {
    for (const auto& choice : group->choices()) {
      tables.push_back(&choice->blocks());
      const bool waits = group->beams() != nullptr && group->beams()->Waits(choice->choice());
      const bool all_is_well =
          choice->finished()
              ? !choice->has_blocks()
              : (choice->pending() == 0) == waits &&
                    (choice->has_blocks() || choice->position() == 0) &&
                    choice->position() <= choice->blocks().capacity() &&
                    placement_.blocks().IsWritableFrom(choice->blocks(), choice->position());
      if (all_is_well && group->CountUnfinished() > 0) continue;
      return absl::InternalError(absl::StrCat(
          "choice ", choice->choice(), " of ", group->request().id, " has run ", choice->position(),
          " of ", choice->tokens().size(), " tokens, and what comes next has no block of its own"));
    }
  }
  for (const Sequence* const sequence : ready_) {
    if (sequence->group().CanRun(*sequence) && !sequence->group().stalled()) continue;
    return absl::InternalError(absl::StrCat("choice ", sequence->choice(), " of ",
                                            sequence->request().id, " cannot be ready"));
  }
  return placement_.blocks().CheckConserved(tables);
}

std::string RunningBatch::Describe() const {
  std::string text;
  for (const auto& group : groups_) {
    const GenerationRequest& request = group->request();
    absl::StrAppend(&text, text.empty() ? "" : "; ", request.id, " (prompt ", request.prompt.size(),
                    ", at most ", request.params.stopping.max_new_tokens, " new");
    if (request.choices > 1) {
      const char* const what = request.params.beams ? " beams" : " choices";
      absl::StrAppend(&text, " in each of ", request.choices, what);
    }
    absl::StrAppend(&text, ")");
  }
  return text;
}

}  // namespace cascade::server
