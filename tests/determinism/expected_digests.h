// SPDX-License-Identifier: Apache-2.0
// The digests that a file remembers: lines of a name, which may have spaces, and its digest. Lines
// that begin with # say where they come from.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cascade::testing {

using Digests = std::map<std::string, std::string>;  // by name

// INVALID_ARGUMENT for a line that is none, or a name that is there twice.
absl::StatusOr<Digests> ParseDigests(absl::string_view text);
absl::StatusOr<Digests> ReadDigests(const std::string& path);

// One sentence for each name of which `actual` and `expected` differ, or that only one of them has.
// Names of `expected` count if they begin with one of `sets` and a space.
std::vector<std::string> DifferencesOf(const Digests& actual, const Digests& expected,
                                       const std::vector<std::string>& sets);

}  // namespace cascade::testing
