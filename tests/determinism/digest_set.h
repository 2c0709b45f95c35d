// SPDX-License-Identifier: Apache-2.0
// What determinism_digest runs.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/determinism/engine_run.h"
#include "tests/determinism/requests.h"
#include "tests/determinism/test_model.h"

namespace cascade::testing {

// Requests, and the schedules that must all give the same answers.
struct Workload {
  RequestMix mix;
  std::vector<Schedule> schedules;
};

struct DigestRun {
  std::string name;  // begins with the model's
  TestModel model;
  Workload work;
  std::vector<StorageTypes> types = AllStorageTypes();
};

struct DigestSet {
  std::string name;
  bool runs_on_scalar = true;  // whether plain C++ gets through it in reasonable time
  std::vector<DigestRun> runs;
};

// "short", which an emulated machine gets through in a minute, and "long". `root` is the source
// tree.
absl::StatusOr<std::vector<DigestSet>> DigestSets(const std::string& root);

}  // namespace cascade::testing
