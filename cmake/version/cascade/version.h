// SPDX-License-Identifier: Apache-2.0
// What --version tells.
#pragma once

namespace cascade {

// The version, and the commit that was built, if it is known: "0.3.0 (1a2b3c4d5e)".
extern const char kVersionAndCommit[];

}  // namespace cascade
