// SPDX-License-Identifier: Apache-2.0
// What has come of an answer, and the request that brings the rest of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "cascade/v1/text_generation.pb.h"

namespace cascade::client {

// Puts the streams of one answer together, of which each but the last may break off anywhere: what
// it tells is one unbroken stream, as if the first had gone on. It has the prompt once, each byte
// of each choice once and in order, one finish for each choice and one summary, whose usage is that
// of the whole answer; its timings are those of the last stream.
//
// An answer whose choices are told as they are made goes on where it broke off: each choice without
// a finish is resumed by a request of its own (GenerateRequest.resume), one after the other. With
// best_of or beam_search, all is generated again, and what was told is left out; so it is if the
// first server was one that cannot resume, and tells no fingerprint in its PromptInfo. A stream
// from a server of another fingerprint is ignored.
//
// Knows no connection. Not thread-safe.
class AnswerProgress {
 public:
  // To `request` it adds what it takes to resume the answer: a seed, where there is none, and the
  // tokens' ids, which it tells only if they were asked for. `now`: when the request begins.
  AnswerProgress(v1::GenerateRequest request, absl::Time now);

  // Begins the next stream: the request to make for it. Its time limit is what is left at `now`.
  v1::GenerateRequest BeginStream(absl::Time now);

  using Tell = absl::FunctionRef<void(const v1::GenerateEvent&)>;

  // The stream has brought `event`: tells what is new. Changes the event.
  void Take(v1::GenerateEvent& event, Tell tell);

  // True once everything has been told. Until then there is another stream to begin, also when one
  // has ended well.
  bool whole() const { return whole_; }

  // Whether the stream that was begun last has had its end, the summary.
  bool stream_is_whole() const { return stream_is_whole_; }

  // What has been told so far: grows with everything that comes. For those who want to know whether
  // a stream got on.
  std::size_t events() const { return events_; }

  const v1::GenerateRequest& request() const { return request_; }

 private:
  struct Choice {
    std::vector<std::uint32_t> token_ids;  // unless answers compete
    std::size_t text_bytes = 0;            // told
    std::size_t tokens = 0;  // told: of token_ids or logprobs, where they were asked for
    bool has_finish = false;
    std::uint32_t generated_tokens = 0;  // as its finish says
    // Of a stream that repeats the answer: what has yet to be left out.
    std::size_t skip_bytes = 0;
    std::size_t skip_tokens = 0;
  };

  bool competes() const;  // nothing is told of a choice before all have ended
  bool CanResume() const;
  bool IsForeign(const v1::GenerateEvent& event) const;  // the prompt of another server's model
  Choice& ChoiceAt(std::size_t index);
  v1::GenerateRequest Repeat() const;
  v1::GenerateRequest Resume(std::size_t index) const;
  std::size_t NextToResume() const;
  void SetRestOfTimeLimit(absl::Time now, v1::GenerateRequest& request) const;

  void TakePrompt(v1::GenerateEvent& event, Tell tell);
  void TakeDelta(v1::GenerateEvent& event, Tell tell);
  static void LeaveOutTold(Choice& choice, v1::Delta& delta);
  void TakeFinish(v1::GenerateEvent& event, Tell tell);
  void TakeSummary(v1::GenerateEvent& event, Tell tell);
  void FillUsage(v1::Usage& usage) const;

  v1::GenerateRequest request_;
  const bool tells_token_ids_;
  const absl::Time begun_;
  std::optional<v1::PromptInfo> prompt_;
  std::vector<Choice> choices_;
  std::optional<std::size_t> resumed_;  // the choice that the stream brings; none: all of them
  bool whole_ = false;
  bool stream_is_whole_ = false;
  bool stream_is_foreign_ = false;
  std::size_t events_ = 0;
  std::uint32_t drafted_tokens_ = 0;  // of streams that have ended well
  std::uint32_t accepted_tokens_ = 0;
};

}  // namespace cascade::client
