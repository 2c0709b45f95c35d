// SPDX-License-Identifier: Apache-2.0
// From answers to the messages of cascade.v1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cascade/v1/text_generation.pb.h"
#include "server/grpc/call/answer.h"

namespace cascade::model {
class Tokenizer;
}  // namespace cascade::model

namespace cascade::server {

struct ModelInfo;

// What an answer reports of each token beside what the worker was asked to compute.
struct Report {
  bool token_ids = false;
  bool log_probs = true;         // if there are any
  bool bytes = false;            // where a token has log-probabilities
  std::size_t interval = 1;      // tokens that a delta has at least, but for a choice's last
  std::string prompt_text = {};  // told as it is
};

// `bytes`: with the token's own. Candidates have theirs always.
void FillLogProbs(const model::GeneratedToken& token, const model::Tokenizer& tokenizer, bool bytes,
                  v1::TokenLogProbs& out);

// What the client is told of the prompt tokens that were found in the prefix cache. The log has the
// true number.
std::uint32_t CachedTokens(const Answer& answer, const ModelInfo& info);

// Writes one answer as stream events or as one response. Both come from the same functions, so that
// they cannot differ. For ServerStream and UnaryCall.
class V1Encoder {
 public:
  using Event = v1::GenerateEvent;
  using Response = v1::GenerateResponse;

  // Borrows `tokenizer` and `info`.
  V1Encoder(const model::Tokenizer& tokenizer, const ModelInfo& info, Report report)
      : tokenizer_(&tokenizer), info_(&info), report_(std::move(report)) {}

  // Moves what comes next into `event`: the prompt, then for each choice its deltas and its finish,
  // and the summary last. Steps that have gathered share one delta. False, with `event` as it was,
  // if there is nothing to send now.
  bool Encode(Answer& answer, v1::GenerateEvent& event);

  // True once Encode has given the summary.
  bool complete() const { return next_ == Next::kNothing; }

  // Moves all of `answer`, which has finished, into `response`.
  void Append(Answer& answer, v1::GenerateResponse& response);

 private:
  enum class Next : std::uint8_t { kPrompt, kChoices, kSummary, kNothing };

  void FillPrompt(const Answer& answer, v1::PromptInfo& prompt);
  bool EncodeChoice(Answer& answer, v1::GenerateEvent& event);

  // Moves what was added to `choice` into the fields that Delta and Choice have in common.
  template <typename Message>
  void TakeDelta(Answer& answer, std::size_t choice, Message& message);

  const model::Tokenizer* tokenizer_;
  const ModelInfo* info_;
  Report report_;
  Next next_ = Next::kPrompt;
  std::vector<bool> finished_;  // for each choice that is shown: its finish was given
  Answer::Delta delta_;         // of the last event; kept for its memory
};

}  // namespace cascade::server
