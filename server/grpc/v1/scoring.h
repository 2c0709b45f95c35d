// SPDX-License-Identifier: Apache-2.0
// The messages of cascade.v1's Score.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/time/time.h"
#include "cascade/v1/text_generation.pb.h"
#include "server/engine/clock.h"
#include "server/grpc/call/answer.h"
#include "server/grpc/request/batch_request.h"

namespace cascade::model {
class Tokenizer;
}  // namespace cascade::model

namespace cascade::server {

struct ModelInfo;

// The same request in the server's own terms; borrows `message`.
ScoringRequest ToScoringRequest(const v1::ScoreRequest& message);

// What the continuations of one call share: who is last tells the summary. The call's lock guards
// it. Borrows tokenizer and info.
struct ScoreProgress {
  const model::Tokenizer& tokenizer;
  const ModelInfo& info;
  bool logprobs = false;
  std::size_t left = 0;  // continuations whose event has not been given
  absl::Time arrival = MonotonicNow();
  absl::Duration queue = {};  // of the first one
  v1::Usage usage = {};
};

// Writes the score of one continuation, and the summary behind the last of them. For ServerStream.
class ScoreEncoder {
 public:
  using Event = v1::ScoreEvent;

  ScoreEncoder(std::shared_ptr<ScoreProgress> progress, std::size_t item, std::size_t continuation)
      : progress_(std::move(progress)), item_(item), continuation_(continuation) {}

  bool Encode(Answer& answer, v1::ScoreEvent& event);
  bool complete() const { return next_ == Next::kNothing; }

 private:
  enum class Next : std::uint8_t { kScore, kSummary, kNothing };

  void FillScore(const Answer& answer, v1::ContinuationScore& score) const;
  void FillSummary(v1::Summary& summary) const;

  std::shared_ptr<ScoreProgress> progress_;
  std::size_t item_;
  std::size_t continuation_;
  Next next_ = Next::kScore;
};

}  // namespace cascade::server
