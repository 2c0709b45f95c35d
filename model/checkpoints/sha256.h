// SPDX-License-Identifier: Apache-2.0
// SHA-256, by which golden data knows the model that it was made for.
//
// Reference: FIPS 180-4. The weights' fingerprint uses xxHash, which is much faster; the golden
// data's provenance records what `sha256sum` prints, which anybody can check.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace cascade::model {

// 64 lower-case hexadecimal digits.
std::string Sha256(std::span<const std::byte> message);

// Of a whole file. NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT (a folder, an empty file).
absl::StatusOr<std::string> Sha256OfFile(const std::string& path);

}  // namespace cascade::model
