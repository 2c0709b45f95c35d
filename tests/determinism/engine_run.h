// SPDX-License-Identifier: Apache-2.0
// Test requests through the engine, or with the library alone.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/tokenizer/tokenizer.h"
#include "tests/determinism/requests.h"
#include "tests/determinism/test_model.h"

namespace cascade::testing {

// One way to run requests. Nothing of it may show in an answer.
struct Schedule {
  std::size_t threads = 1;
  std::size_t step_tokens = 256;
  std::optional<unsigned> shuffled = std::nullopt;  // seed of the order of arrival; or as they come
  std::size_t cache_blocks = 400;  // when they are few, requests wait for each other
};

std::string Name(const Schedule& schedule);  // "threads=3 step_tokens=7 ..."

// What the runs of one combination have in common. The tokenizer is borrowed.
struct Subject {
  TestModel model;
  StorageTypes types;
  const model::Tokenizer& tokenizer;
};

// Submits all requests at once and returns their answers, in the order of `requests`. The error of
// a request that failed.
absl::StatusOr<std::vector<Answer>> Together(const Subject& subject,
                                             const std::vector<TestRequest>& requests,
                                             const Schedule& schedule);

// One after another, without worker or threads.
absl::StatusOr<std::vector<Answer>> Alone(const Subject& subject,
                                          const std::vector<TestRequest>& requests);

}  // namespace cascade::testing
