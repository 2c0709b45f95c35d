// SPDX-License-Identifier: Apache-2.0
// What `cascade check` checks, and against what.
#pragma once

#include <string>

namespace cascade::cli {

struct CheckSubject {
  std::string model;   // the model's folder, as it was given
  std::string golden;  // the folder of its golden data; empty if there is none
};

// The folder of golden data for `model`: its own folder `golden`, which generate.py --model writes;
// or, for a model of the source tree (deploy/models/NAME), tests/golden/NAME. Empty if neither has
// any.
std::string FindGolden(const std::string& model);

}  // namespace cascade::cli
