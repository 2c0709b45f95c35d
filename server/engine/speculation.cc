// SPDX-License-Identifier: Apache-2.0

#include "server/engine/speculation.h"

#include <algorithm>

namespace cascade::server {

void Speculation::Learn(std::size_t drafted, std::size_t accepted) {
  if (length_ == 0) {
    if (++resting_ == kRest) length_ = 1;
    return;
  }
  if (drafted == 0) return;  // none was found, or there was no room: no evidence either way
  if (accepted == drafted) {
    length_ = std::min(length_ * 2, kLongest);
  } else if (accepted == 0) {
    length_ /= 2;
    resting_ = 0;
  } else {
    length_ = accepted + 1;
  }
}

}  // namespace cascade::server
