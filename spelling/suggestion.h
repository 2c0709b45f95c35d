// SPDX-License-Identifier: Apache-2.0
// What a user meant who misspelled the name of a flag, a command or a variable. Server and client
// share this, and nothing else.
#pragma once

#include <span>
#include <string>

#include "absl/strings/string_view.h"

namespace cascade {

// "; is it --max_queued?", to be appended to a message about `word`: the name that is written most
// like `word`, with `prefix` before it. Empty if no name is like it: two words are alike if at most
// a third of the longer one's letters, rounded up, have to be changed, added or left out. Of names
// that are equally near, the first in alphabetical order.
std::string Suggestion(absl::string_view word, std::span<const std::string> names,
                       absl::string_view prefix);

}  // namespace cascade
