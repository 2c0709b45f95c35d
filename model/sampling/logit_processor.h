// SPDX-License-Identifier: Apache-2.0
// What may change logits between the model and the sampler: one ordered list.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "model/token.h"

namespace cascade::model {

// Changes the logits of one sequence before a token is chosen from them: excludes tokens, or makes
// them more or less likely. What it does is a pure function of its parameters, of the prompt (if it
// was given that when it was made) and of the tokens that it accepted, so that a sequence's tokens
// depend neither on the batch nor on drafts: a drafted token is accepted only after it was chosen.
//
// Reference: Hugging Face LogitsProcessor. Not thread-safe.
class LogitProcessor {
 public:
  virtual ~LogitProcessor() = default;

  // Whether Process would change anything for the next token. Greedy decoding reads the model's own
  // logits, without a copy, while no processor is active.
  virtual bool active() const = 0;

  // Changes the next token's logits, [vocab_size], in place. -Inf excludes a token; no logit may
  // become NaN or +Inf. Called only while active.
  virtual void Process(std::span<float> logits) = 0;

  // The sequence has this token now: as the next one after the prompt and those accepted before.
  // Called exactly once for every chosen token, active or not.
  virtual void Accept(TokenId token) = 0;

  // What it does now, for the message that no token is left: "min_new_tokens is 3, which excludes
  // the eos and stop tokens". Called only while active.
  virtual std::string Describe() const = 0;
};

// The processors of one sequence, applied in the order in which they were added.
class LogitProcessorList {
 public:
  void Add(std::unique_ptr<LogitProcessor> processor);

  // Whether one of them is active.
  bool active() const;

  // Lets the active ones change `logits`, [vocab_size], one after the other. INVALID_ARGUMENT, with
  // what they do, if they leave no token: the sequence cannot go on.
  absl::Status Process(std::span<float> logits);

  // Tells all of them.
  void Accept(TokenId token);

 private:
  std::vector<std::unique_ptr<LogitProcessor>> processors_;
};

}  // namespace cascade::model
