// SPDX-License-Identifier: Apache-2.0
// Sinks that keep what they hear, for tests to look at.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "model/generation/decoding.h"
#include "model/token.h"
#include "server/engine/mutex.h"
#include "server/engine/token_sink.h"

namespace cascade::testing {

// What a sink was told of one choice.
struct ChoiceRecord {
  std::vector<model::GeneratedToken> tokens;
  std::string text;
  std::optional<model::Finish> finish;
};

// What a sink was told, as far as it matters to a test: of one choice, and of the request.
struct SinkRecord : ChoiceRecord {
  std::size_t starts = 0;
  std::size_t cached_tokens = 0;
  std::vector<model::GeneratedToken> prompt;  // what OnPrompt told
  std::vector<float> hidden;                  // what OnHidden told, row by row
  std::optional<absl::Status> end;            // OK: OnFinished
  server::RunStats stats;
  std::thread::id ended_on;
  std::size_t ends = 0;           // how many times it ended: 1, if all is well
  bool called_after_end = false;  // anything at all
};

// Keeps all it hears. A hook may block: that is how a test stops the worker at a place.
class RecordingSink final : public server::TokenSink {
 public:
  // `on_started` runs when the start is recorded, `on_step` after each token is recorded, with how
  // many there are of all choices together; `on_end` runs when the end is recorded, before anyone
  // who waits for it wakes.
  std::function<void()> on_started;
  std::function<void(std::size_t)> on_step;
  std::function<void()> on_end;

  void OnStarted(std::size_t cached_tokens) override ABSL_LOCKS_EXCLUDED(mu_) {
    {
      const server::MutexLock lock(mu_);
      record_.called_after_end |= record_.ends > 0;
      ++record_.starts;
      record_.cached_tokens = cached_tokens;
    }
    if (on_started) on_started();
  }

  void OnPrompt(std::vector<model::GeneratedToken> tokens) override ABSL_LOCKS_EXCLUDED(mu_) {
    const server::MutexLock lock(mu_);
    record_.called_after_end |= record_.ends > 0 || tokens_ > 0;
    for (model::GeneratedToken& token : tokens) record_.prompt.push_back(std::move(token));
  }

  void OnHidden(model::ConstMatF rows) override ABSL_LOCKS_EXCLUDED(mu_) {
    const server::MutexLock lock(mu_);
    record_.called_after_end |= record_.ends > 0 || tokens_ > 0;
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      record_.hidden.insert(record_.hidden.end(), rows.Row(i).begin(), rows.Row(i).end());
    }
  }

  void OnStep(std::size_t choice, model::DecodingStep step) override ABSL_LOCKS_EXCLUDED(mu_) {
    std::size_t count = 0;
    {
      const server::MutexLock lock(mu_);
      if (choice >= choices_.size()) choices_.resize(choice + 1);
      ChoiceRecord& heard = choices_[choice];
      record_.called_after_end |= record_.ends > 0 || heard.finish.has_value();
      if (step.token) {
        heard.tokens.push_back(*std::move(step.token));
        ++tokens_;
      }
      heard.text += step.text;
      heard.finish = step.finish;
      count = tokens_;
    }
    if (on_step) on_step(count);
  }

  void OnFinished(const server::RunStats& stats) override {
    {
      const server::MutexLock lock(mu_);
      record_.stats = stats;
    }
    End(absl::OkStatus());
  }

  void OnFailed(absl::Status status) override { End(std::move(status)); }

  bool IsCancelled() const override { return cancelled_.load(); }

  bool IsStalled() const override { return stalled_.load(); }

  void Cancel() { cancelled_.store(true); }
  void SetStalled(bool stalled) { stalled_.store(stalled); }

  // What there is so far of a choice.
  SinkRecord record(std::size_t choice = 0) const ABSL_LOCKS_EXCLUDED(mu_) {
    const server::MutexLock lock(mu_);
    return RecordOf(choice);
  }

  // Waits for the end.
  SinkRecord Await() const ABSL_LOCKS_EXCLUDED(mu_) {
    const server::MutexLock lock(mu_);
    while (record_.ends == 0) ended_.wait(mu_);
    return RecordOf(0);
  }

 private:
  SinkRecord RecordOf(std::size_t choice) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    SinkRecord record = record_;
    if (choice < choices_.size()) static_cast<ChoiceRecord&>(record) = choices_[choice];
    return record;
  }

  void End(absl::Status status) ABSL_LOCKS_EXCLUDED(mu_) {
    if (on_end) on_end();
    const server::MutexLock lock(mu_);
    record_.called_after_end |= record_.ends > 0;
    ++record_.ends;
    record_.end = std::move(status);
    record_.ended_on = std::this_thread::get_id();
    ended_.notify_all();
  }

  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> stalled_ = false;
  mutable server::Mutex mu_;
  mutable std::condition_variable_any ended_;
  SinkRecord record_ ABSL_GUARDED_BY(mu_);  // of the request
  std::vector<ChoiceRecord> choices_ ABSL_GUARDED_BY(mu_);
  std::size_t tokens_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace cascade::testing
