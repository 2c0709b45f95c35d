// SPDX-License-Identifier: Apache-2.0
// Where the repository's files are, for tests that read them.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace cascade::testing {

// The path of a file or folder of the repository: SourcePath("tests/golden"). One source knows
// where the checkout lies, so that all others compile to the same object file in every checkout,
// and a compiler cache can serve them.
std::string SourcePath(absl::string_view relative);

// The folder of the bundled model, deploy/models/tales-7m.
std::string BundledModelFolder();

}  // namespace cascade::testing
