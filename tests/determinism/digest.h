// SPDX-License-Identifier: Apache-2.0
// A hash that says whether answers are the same on another machine or at another time.
#pragma once

#include <span>
#include <string>

#include "tests/determinism/requests.h"

namespace cascade::testing {

// XXH3-128 over all that the answers hold, numbers as little-endian 32-bit words: 32 lower-case
// hexadecimal digits.
std::string DigestOf(std::span<const Answer> answers);

}  // namespace cascade::testing
