// SPDX-License-Identifier: Apache-2.0

#include "tests/determinism/digest_set.h"

namespace cascade::testing {
namespace {

constexpr Schedule kOneThread{.threads = 1, .step_tokens = 64, .cache_blocks = 100};
constexpr Schedule kThreeThreads{.threads = 3, .step_tokens = 7, .shuffled = 1, .cache_blocks = 20};
constexpr Schedule kLargeSteps{
    .threads = 3, .step_tokens = 256, .shuffled = 2, .cache_blocks = 200};

DigestRun MakeRun(const TestModel& model, const RequestMix& mix,
                  const std::vector<Schedule>& schedules) {
  DigestRun run;
  run.name = model.name;
  run.model = model;
  run.work = {mix, schedules};
  return run;
}

// Requests with everything that comes after the logits, or that is told of the prompt alone. One
// storage type is enough for them: what they add sees numbers, and not how these were stored.
DigestRun MakeRunWithRules(const TestModel& model, RequestMix mix,
                           const std::vector<Schedule>& schedules) {
  mix.prompts_alone = true;
  mix.processors = true;
  mix.beams = true;
  mix.reports = true;
  DigestRun run = MakeRun(model, mix, schedules);
  run.name += " rules";
  run.types = {StorageTypes()};
  return run;
}

DigestSet ShortSet(const TestModel& bundled) {
  const std::vector<Schedule> schedules = {kOneThread, kThreeThreads};
  const RequestMix few = {.count = 5, .longest_prompt = 20, .most_new_tokens = 6};
  const RequestMix some = {.count = 6, .longest_prompt = 50, .most_new_tokens = 8};
  const RequestMix with_rules = {.count = 24, .longest_prompt = 50, .most_new_tokens = 8};
  DigestSet set;
  set.name = "short";
  set.runs.push_back(MakeRun(bundled, few, schedules));
  for (const TestModel& model : AwkwardModels()) {
    set.runs.push_back(MakeRun(model, some, schedules));
    // Some rules are about the end-of-text tokens.
    if (model.config.eos_token_ids.empty()) continue;
    set.runs.push_back(MakeRunWithRules(model, with_rules, schedules));
  }
  return set;
}

DigestSet LongSet(const TestModel& bundled) {
  const std::vector<Schedule> schedules = {kOneThread, kLargeSteps};
  const RequestMix some = {.count = 24, .longest_prompt = 110, .most_new_tokens = 24};
  const RequestMix many = {.count = 32, .longest_prompt = 100, .most_new_tokens = 12};
  const RequestMix with_rules = {.count = 48, .longest_prompt = 110, .most_new_tokens = 24};
  DigestSet set;
  set.name = "long";
  set.runs_on_scalar = false;
  set.runs.push_back(MakeRun(bundled, some, schedules));
  set.runs.push_back(MakeRunWithRules(bundled, with_rules, schedules));
  for (const TestModel& model : AwkwardModels()) {
    set.runs.push_back(MakeRun(model, many, schedules));
  }
  return set;
}

}  // namespace

absl::StatusOr<std::vector<DigestSet>> DigestSets(const std::string& root) {
  const absl::StatusOr<TestModel> bundled = BundledModel(root);
  if (!bundled.ok()) return bundled.status();
  std::vector<DigestSet> sets = {ShortSet(*bundled), LongSet(*bundled)};
  return sets;
}

}  // namespace cascade::testing
