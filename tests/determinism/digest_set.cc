// SPDX-License-Identifier: Apache-2.0

#include "tests/determinism/digest_set.h"

namespace cascade::testing {
namespace {

// Work for the bundled model, and for each of the small random ones.
struct Work {
  Workload bundled;
  Workload awkward;
};

DigestSet MakeSet(const std::string& name, const TestModel& bundled, const Work& work) {
  DigestSet set;
  set.name = name;
  set.runs.push_back({bundled, work.bundled});
  for (const TestModel& model : AwkwardModels()) set.runs.push_back({model, work.awkward});
  return set;
}

constexpr Schedule kOneThread{.threads = 1, .step_tokens = 64, .cache_blocks = 100};
constexpr Schedule kThreeThreads{.threads = 3, .step_tokens = 7, .shuffled = 1, .cache_blocks = 20};
constexpr Schedule kLargeSteps{
    .threads = 3, .step_tokens = 256, .shuffled = 2, .cache_blocks = 200};

Work ShortWork() {
  const std::vector<Schedule> schedules = {kOneThread, kThreeThreads};
  return {.bundled = {{.count = 5, .longest_prompt = 20, .most_new_tokens = 6}, schedules},
          .awkward = {{.count = 6, .longest_prompt = 50, .most_new_tokens = 8}, schedules}};
}

Work LongWork() {
  const std::vector<Schedule> schedules = {kOneThread, kLargeSteps};
  return {.bundled = {{.count = 24, .longest_prompt = 110, .most_new_tokens = 24}, schedules},
          .awkward = {{.count = 32, .longest_prompt = 100, .most_new_tokens = 12}, schedules}};
}

}  // namespace

absl::StatusOr<std::vector<DigestSet>> DigestSets(const std::string& root) {
  const absl::StatusOr<TestModel> bundled = BundledModel(root);
  if (!bundled.ok()) return bundled.status();
  std::vector<DigestSet> sets = {MakeSet("short", *bundled, ShortWork()),
                                 MakeSet("long", *bundled, LongWork())};
  sets.back().runs_on_scalar = false;
  return sets;
}

}  // namespace cascade::testing
