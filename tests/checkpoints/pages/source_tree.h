// SPDX-License-Identifier: Apache-2.0
// What the source tree says about itself, for the pages that describe it.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace cascade::testing {

// Paths here are relative to the root of the source tree. A file that cannot be read ends the
// program: the tree is the program's own.

std::string ReadSource(absl::string_view path);
bool SourceExists(absl::string_view path);

// Files below `folder` whose names end with `ending`, in order.
std::vector<std::string> SourcesBelow(absl::string_view folder, absl::string_view ending);

// The #include lines of a file, in order, as they stand.
std::vector<std::string> IncludeLines(absl::string_view path);

// The headers of the project that a file includes: "model/config.h".
std::vector<std::string> ProjectIncludes(absl::string_view path);

// The files of model/, server/ and tools/, but those of model/checkpoints, that include `header`,
// in order.
std::vector<std::string> IncludersOf(absl::string_view header);

// "Suite.Test" of every GoogleTest in tests/.
std::vector<std::string> TestNames();

}  // namespace cascade::testing
