// SPDX-License-Identifier: Apache-2.0
// A running batch with a model that costs nothing, requests with every fate, and checks between all
// that happens. One thread, a clock of its own, and chance that is seeded: a failure repeats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/completion.h"
#include "server/engine/request_queue.h"
#include "server/engine/running_batch.h"
#include "server/engine/stats.h"
#include "tests/server/engine/comparing_sink.h"
#include "tests/server/engine/fake_model.h"

namespace cascade::testing {

// Numbers that choices may have, from 0 on.
inline constexpr std::size_t kChoiceNumbers = 8;

// Some go on where another ended, some begin alike.
struct TemplateOptions {
  unsigned sampled = 1;  // of 4: not greedy
  unsigned stops = 1;    // of 8: end at a certain token
  bool beams = false;    // all search with beams
};
std::vector<Template> MakeTemplates(const model::Tokenizer& tokenizer,
                                    const TemplateOptions& options, std::mt19937& rng);

// How often each fate was met in all worlds together.
struct Fates {
  std::size_t finished = 0;
  std::size_t of_several_choices = 0;   // of those that finished
  std::size_t with_different_ends = 0;  // of these, those whose choices ended after different steps
  std::size_t cancelled = 0;
  std::size_t late = 0;          // a deadline
  std::size_t time_limit = 0;    // finished with what there was
  std::size_t too_slow = 0;      // stalled for too long
  std::size_t resumed = 0;       // had the first tokens of their answers; all that were submitted
  std::size_t strict_steps = 0;  // in which every decoder had to get a token
  server::Counts counts;
};

struct StepWorldOptions {
  std::size_t blocks = 8;
  std::size_t max_running = 4;
  std::size_t step_tokens = 16;
  std::size_t max_choices = 1;  // of a request
  server::RunningBatch::Options batch = {};
  absl::Duration ageing = absl::InfiniteDuration();
  unsigned stalls = 0;     // of 64 chances
  unsigned cancels = 1;    // likewise
  unsigned deadlines = 1;  // of 16 requests
};

// Does what the worker does in a turn.
class StepWorld {
 public:
  // All but `options` are borrowed.
  StepWorld(const StepWorldOptions& options, const std::vector<Template>& templates,
            const model::Tokenizer& tokenizer, unsigned seed);

  // Runs `steps` steps, then lets everything end, and adds what happened to `fates`. What is wrong
  // is a fatal failure of the test.
  void Run(std::size_t steps, Fates& fates);

 private:
  // A request that was submitted and has not ended.
  struct Subject {
    Subject(const Template& made_of, std::size_t first_choice, std::size_t choices,
            std::size_t resumed, std::uint64_t number, int at_priority)
        : sink(made_of, first_choice, choices, resumed), arrival(number), priority(at_priority) {}

    ComparingSink sink;
    std::uint64_t arrival;
    int priority;
    bool was_started = false;
    std::vector<std::size_t> tokens_before;  // this step: of each choice that has to get another
  };

  void Submit();
  absl::Duration AnyTime() { return absl::Milliseconds(rng_() % 60); }
  void Interfere();
  void Turn(Fates& fates);
  absl::Status ReasonToEnd(const server::GenerationRequest& request) const;
  void EndWhatMustEnd();
  void CheckThatTheCancelledAreGone(Fates& fates);
  void StartWhatFits();
  void CheckOrderOfStarts();
  void Step(Fates& fates);
  void CheckThatDecodersGotOn(const Subject& subject) const;
  void CheckAndForgetTheEnded(Fates& fates);
  static void CountFinished(const ComparingSink& sink, Fates& fates);
  void WindDown(Fates& fates);
  void DeliverCompletions();
  void AddCounts(Fates& fates) const;

  const StepWorldOptions options_;
  const std::vector<Template>& templates_;
  std::mt19937 rng_;
  absl::Time now_ = absl::UnixEpoch();
  const std::function<absl::Time()> clock_ = [this] { return now_; };
  server::RequestQueue queue_;
  FakeModel* model_ = nullptr;  // the batch's
  std::unique_ptr<server::RunningBatch> batch_;
  std::vector<server::Completion> completions_;
  std::vector<std::unique_ptr<Subject>> subjects_;
  std::map<int, std::uint64_t> last_started_;  // arrivals, by priority
  std::uint64_t arrivals_ = 0;
};

}  // namespace cascade::testing
