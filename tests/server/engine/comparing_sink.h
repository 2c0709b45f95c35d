// SPDX-License-Identifier: Apache-2.0
// A sink that compares what it hears with what it should hear, at once.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "model/generation/decoding.h"
#include "model/generation/generation_params.h"
#include "model/token.h"
#include "server/engine/token_sink.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/same_bits.h"

namespace cascade::testing {

// What can be asked, and what each choice then gets alone.
struct Template {
  std::vector<model::TokenId> prompt;
  model::GenerationParams params;
  std::optional<std::size_t> hidden_from = {};
  std::vector<model::SamplingParams> choice_sampling = {};  // by the choice's number, of the first
  std::vector<SinkRecord> expected;                         // by the choice's number
};

class ComparingSink final : public server::TokenSink {
 public:
  // For `choices` choices, the first of which has the number `first_choice`, and of each all but
  // the `resumed` first tokens.
  ComparingSink(const Template& made_of, std::size_t first_choice, std::size_t choices,
                std::size_t resumed = 0)
      : expected_(made_of.expected.data() + first_choice), resumed_(resumed), choices_(choices) {
    for (Choice& choice : choices_) choice.tokens = resumed;
  }

  void OnStarted(std::size_t /*cached_tokens*/) override {
    good_ &= starts_ == 0 && !ended_;
    ++starts_;
  }
  void OnStep(std::size_t choice, model::DecodingStep step) override {
    good_ &= choice < choices_.size() && !ended_;
    if (!good_) return;
    Choice& heard = choices_[choice];
    good_ &= !heard.finish;
    heard.finish = std::move(step.finish);
    if (!step.token) return;
    const std::vector<model::GeneratedToken>& expected = expected_[choice].tokens;
    good_ &= starts_ == 1 && heard.tokens < expected.size();
    good_ = good_ && HasBitsOf(*step.token, expected[heard.tokens]);
    ++heard.tokens;
  }
  void OnFinished(const server::RunStats& /*stats*/) override {
    for (std::size_t choice = 0; choice < choices_.size(); ++choice) {
      const Choice& heard = choices_[choice];
      good_ &= heard.finish.has_value();
      if (!good_ || heard.finish->reason == model::FinishReason::kTimeLimit) continue;
      const SinkRecord& expected = expected_[choice];
      good_ =
          heard.tokens == expected.tokens.size() && heard.finish->reason == expected.finish->reason;
    }
    End(absl::OkStatus());
  }
  void OnFailed(absl::Status status) override { End(std::move(status)); }
  bool IsCancelled() const override { return cancelled_; }
  bool IsStalled() const override { return stalled_; }

  void Cancel() { cancelled_ = true; }
  void SetStalled(bool stalled) { stalled_ = stalled; }

  bool good() const { return good_; }
  bool started() const { return starts_ > 0; }
  bool ended() const { return ended_; }
  const absl::Status& status() const { return status_; }

  std::size_t choices() const { return choices_.size(); }
  // That it has heard of.
  std::size_t tokens(std::size_t choice) const { return choices_[choice].tokens - resumed_; }
  const std::optional<model::Finish>& finish(std::size_t choice) const {
    return choices_[choice].finish;
  }

  // Whether a choice was finished by the time limit.
  bool ran_out_of_time() const {
    for (const Choice& choice : choices_) {
      if (choice.finish && choice.finish->reason == model::FinishReason::kTimeLimit) return true;
    }
    return false;
  }

 private:
  struct Choice {
    std::size_t tokens = 0;
    std::optional<model::Finish> finish;
  };

  void End(absl::Status status) {
    good_ &= !ended_;
    ended_ = true;
    status_ = std::move(status);
  }

  const SinkRecord* expected_;  // of each choice
  const std::size_t resumed_;
  std::vector<Choice> choices_;
  bool good_ = true;
  bool cancelled_ = false;
  bool stalled_ = false;
  bool ended_ = false;
  std::size_t starts_ = 0;
  absl::Status status_;
};

}  // namespace cascade::testing
