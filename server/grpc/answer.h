// What one request has produced and its client has not been sent yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "cascade/v1/text_generation.pb.h"
#include "model/generation/decoding.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/token_sink.h"
#include "server/grpc/backend.h"
#include "server/grpc/preparation.h"

namespace cascade::server {

// Gathers the worker's steps and gives them out as stream events or as one response: the part that
// the two have in common, so that they cannot differ. Steps that were not taken yet merge into one
// delta. Not thread-safe.
class Answer {
 public:
  // Borrows the tokenizer.
  Answer(const PreparedRequest& request, const ModelInfo& info, const model::Tokenizer& tokenizer);

  // It runs: there is a prompt to tell of. A time limit that passes in the queue comes without it.
  void Start(std::size_t cached_tokens);
  void Add(const model::DecodingStep& step);  // the last one has `finish` set
  void End(const Timings& timings);           // after the last step; allocates nothing

  // Moves what comes next into `event`: the prompt, then deltas, the finish, and the summary.
  // False, with `event` as it was, if there is nothing to send now.
  bool TakeEvent(v1::GenerateEvent& event);

  // What a delta would hold now: how much the client is behind.
  struct Backlog {
    std::size_t tokens = 0;
    std::size_t bytes = 0;
  };
  const Backlog& backlog() const { return backlog_; }

  // True after Start or Add: the engine has taken it up.
  bool started() const { return started_; }

  // True after TakeEvent gave the summary.
  bool complete() const { return next_ == Next::kNothing; }

  // Moves all of it into `response`. REQUIRES: End was called, TakeEvent was not.
  void TakeAll(v1::GenerateResponse& response);

  // For the log.
  const std::string& request_id() const { return prompt_.request_id(); }
  std::size_t prompt_tokens() const { return prompt_.prompt_tokens(); }
  std::size_t cached_tokens() const { return prompt_.cached_tokens(); }
  std::size_t generated_tokens() const { return generated_tokens_; }
  const v1::Finish& finish() const { return finish_; }
  const v1::Timings& timings() const { return summary_.timings(); }

 private:
  enum class Next : std::uint8_t { kPrompt, kDeltas, kSummary, kNothing };

  bool HasDelta() const;

  const model::Tokenizer& tokenizer_;
  const bool report_token_ids_;
  const std::uint64_t seed_;
  Next next_ = Next::kPrompt;
  v1::PromptInfo prompt_;
  bool started_ = false;
  v1::Delta delta_;  // steps that were not taken yet
  Backlog backlog_;  // of them
  std::size_t generated_tokens_ = 0;
  bool finished_ = false;
  v1::Finish finish_;
  bool ended_ = false;
  v1::Summary summary_;
};

}  // namespace cascade::server
