// SPDX-License-Identifier: Apache-2.0
// Small files that an operator writes, and may change while the server runs.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace cascade::server {

inline constexpr std::size_t kMaxOperatorsFileBytes = std::size_t{1} << 20;

// The file's bytes. INVALID_ARGUMENT with the reason, but not the path, if it cannot be read or has
// more than kMaxOperatorsFileBytes.
absl::StatusOr<std::string> ReadOperatorsFile(const std::string& path);

// Another text after each change of the file: its time of modification. Empty if there is none.
std::string StampOf(const std::string& path);

}  // namespace cascade::server
