// SPDX-License-Identifier: Apache-2.0
// What one generation has produced so far, in the engine's own terms, and how it ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "model/generation/decoding_step.h"
#include "model/mat_view.h"
#include "server/engine/generation_request.h"
#include "server/engine/token_sink.h"
#include "server/grpc/call/hidden_pool.h"

namespace cascade::server {

// How much of an answer has been generated and not been sent.
struct Backlog {
  std::size_t tokens = 0;
  std::size_t bytes = 0;  // of text and log-probabilities, as they lie in memory
};

// How likely some tokens of a prompt are after those before them.
struct PromptScore {
  double log_prob = 0;  // the sum, in the order of the tokens
  std::size_t tokens = 0;
  bool is_greedy = true;  // each has rank 1; only if ranks were asked for
};

// "eos", "stop_token", "stop_string", "constraint_complete", "max_tokens", "context_full" or
// "time_limit".
absl::string_view FinishReasonName(model::FinishReason reason);

// Gathers the worker's steps until an encoder takes them and writes them in its dialect. A stream's
// encoder takes them piece by piece, a unary call's all at once, so the two cannot differ. Steps
// that no encoder has taken yet merge into one delta of their choice. Knows no dialect. Not
// thread-safe.
class Answer {
 public:
  // What was added to one choice.
  struct Delta {
    std::string text;                           // whole UTF-8 characters
    std::vector<model::GeneratedToken> tokens;  // empty unless they are kept

    bool empty() const { return text.empty() && tokens.empty(); }
  };

  // An answer to `request`, from whose prompt truncation dropped `truncated_tokens`. Only with
  // `keep_tokens` do deltas have the tokens and their log-probabilities beside the text.
  Answer(const GenerationRequest& request, std::size_t truncated_tokens, bool keep_tokens);

  // What is to be kept of the prompt's hidden states; without it, nothing. Before the worker's
  // first call.
  void PoolHidden(HiddenPool pool) { hidden_ = std::move(pool); }

  // Keeps of the prompt's tokens score() alone, and not prompt(). Before the worker's first call.
  void KeepScoreOnly() { keep_prompt_ = false; }

  // Only the `count` best choices are for the client, once all have finished: in the order of the
  // log-probabilities of their tokens in the model's own distribution, of the mean or the sum,
  // which all steps must have; or as they are numbered, for those that were found in that order,
  // perhaps fewer (beams). Before the worker's first call.
  enum class Order : std::uint8_t { kMean, kTotal, kNumber };
  void ShowBest(std::size_t count, Order order);

  // The worker's calls, in its order. AddPrompt, AddHidden and Add may throw std::bad_alloc; the
  // others allocate nothing.
  void Start(std::size_t cached_tokens);
  void AddPrompt(std::vector<model::GeneratedToken> tokens);
  void AddHidden(model::ConstMatF rows);
  void Add(std::size_t choice, model::DecodingStep step);
  void Finish(const RunStats& stats) noexcept;
  void Fail(absl::Status status) noexcept;

  // Facts of the request.
  const std::string& request_id() const { return request_id_; }
  const std::string& owner() const { return owner_; }
  std::size_t prompt_tokens() const { return prompt_tokens_; }
  std::size_t truncated_tokens() const { return truncated_tokens_; }
  std::size_t resumed_tokens() const { return resumed_tokens_; }  // of the only choice
  std::uint64_t seed(std::size_t choice) const { return choices_[choice].seed; }
  bool has_beams() const { return has_beams_; }  // and so no seeds

  // True after Start or Add: the engine has taken the request up. (A time limit that passes in the
  // queue comes without Start.)
  bool started() const { return started_; }
  std::size_t cached_tokens() const { return cached_tokens_; }

  // The prompt's tokens from prompt_logprobs_from on, if they are asked for. They are all there, or
  // will not come any more, once this is true.
  bool has_prompt() const { return prompt_.size() == scored_tokens_ || outcome_ || has_finish_; }
  const std::vector<model::GeneratedToken>& prompt() const { return prompt_; }

  // Of all tokens that AddPrompt has brought with a log-probability.
  const PromptScore& score() const { return score_; }

  // Of the prompt's hidden states, what was to be kept. REQUIRES: PoolHidden was called.
  HiddenPool& hidden() { return *hidden_; }

  // Choices are numbered from 0. `finish` is unset until the choice's last step.
  std::size_t choices() const { return choices_.size(); }
  std::size_t generated_tokens(std::size_t choice) const { return choices_[choice].tokens; }
  const std::optional<model::Finish>& finish(std::size_t choice) const {
    return choices_[choice].finish;
  }
  std::size_t generated_tokens() const;  // of all choices; like those of one, by this request

  // The choices that the client sees: all of them in order, or the best. The best are not known
  // before the request has finished: until then there is no backlog, and nothing of a choice to be
  // sent.
  bool ShowsChoices() const { return !best_ || outcome_; }
  std::size_t shown() const { return best_ ? best_->count : choices_.size(); }
  std::size_t ChoiceAt(std::size_t place) const { return best_ ? best_->order[place] : place; }

  // True if `choice` has something that TakeDelta would give.
  bool HasDelta(std::size_t choice) const { return !choices_[choice].delta.empty(); }

  // What TakeDelta would give of `choice`.
  const Backlog& BacklogOf(std::size_t choice) const { return choices_[choice].backlog; }

  // Swaps what was added to `choice` since the last call into `delta`, whose memory the next steps
  // fill: no byte is copied, and a stream that has run for a while allocates nothing here.
  void TakeDelta(std::size_t choice, Delta& delta) noexcept;

  // What TakeDelta would give now, of all choices together: how far behind the client is.
  Backlog backlog() const { return ShowsChoices() ? backlog_ : Backlog(); }

  // Unset while the worker has the request; then OK, after Finish, or why it failed.
  const std::optional<absl::Status>& outcome() const { return outcome_; }
  const RunStats& run_stats() const { return run_stats_; }
  const Timings& timings() const { return run_stats_.timings; }

 private:
  struct Choice {
    std::uint64_t seed = 0;
    Delta delta;
    Backlog backlog;         // of `delta`
    std::size_t tokens = 0;  // generated since the start
    double log_prob = 0;     // of all of them, raw, as far as it was told
    std::optional<model::Finish> finish;
  };

  struct Best {
    std::size_t count = 1;
    Order by = Order::kMean;
    std::vector<std::size_t> order;  // all choices, once they have finished the best first
  };

  void RankChoices() noexcept;
  void LeaveOutTheMissing() noexcept;

  const std::string request_id_;
  const std::string owner_;
  const std::size_t prompt_tokens_;
  const std::size_t truncated_tokens_;
  const std::size_t resumed_tokens_;
  const bool has_beams_;
  const bool keep_tokens_;
  const std::size_t scored_tokens_;  // of the prompt, that are asked for
  std::vector<model::GeneratedToken> prompt_;
  bool keep_prompt_ = true;
  PromptScore score_;
  std::optional<HiddenPool> hidden_;
  bool started_ = false;
  bool has_finish_ = false;  // of any choice
  std::size_t cached_tokens_ = 0;
  std::vector<Choice> choices_;
  std::optional<Best> best_;
  Backlog backlog_;
  RunStats run_stats_;
  std::optional<absl::Status> outcome_;
};

}  // namespace cascade::server
