// One running request.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/cache/kv_cache.h"
#include "model/generation/decoding.h"
#include "model/token.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/generation_request.h"
#include "server/engine/request_queue.h"
#include "server/engine/token_sink.h"

namespace cascade::server {

// A request with its blocks, its decoding and how far it has come: first its prompt is run, in one
// or more chunks, then each token it generated but the last. Not thread-safe: the worker's.
class Sequence {
 public:
  // `blocks` covers PositionsNeeded. `tokenizer` is borrowed.
  Sequence(QueuedRequest queued, model::BlockTable blocks, std::size_t n_ctx,
           const model::Tokenizer& tokenizer);

  // Chunks refer to it.
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  const GenerationRequest& request() const { return queued_.request; }
  const model::BlockTable& blocks() const { return blocks_; }

  // Prompt tokens still to run; 0: ready to decode.
  std::size_t prompt_left() const { return request().prompt.size() - prompt_run_; }

  // The next `count` tokens to run, which begin at position(): of the prompt, or the token that was
  // generated last. Valid until Next.
  std::span<const model::TokenId> NextTokens(std::size_t count) const;
  std::size_t position() const { return prompt_run_ + decoded_run_; }

  // A step with some of its tokens begins at `now`; the first one counts.
  void MarkStarted(absl::Time now);

  // The `count` next tokens were run.
  void Advance(std::size_t count);

  // Chooses the next token, at `now`, from the logits of the last one that was run: as
  // model::Decoding::Next.
  absl::StatusOr<model::DecodingStep> Next(std::span<const float> logits, absl::Time now);

  // REQUIRES: Next was called.
  Timings timings() const;

 private:
  QueuedRequest queued_;
  model::BlockTable blocks_;
  model::Decoding decoding_;
  std::size_t prompt_run_ = 0;   // tokens of the prompt whose keys and values are in the cache
  std::size_t decoded_run_ = 0;  // and generated ones
  model::TokenId last_token_ = 0;
  std::optional<absl::Time> started_;
  std::optional<absl::Time> first_token_at_;
  absl::Time last_token_at_;
};

}  // namespace cascade::server
