// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/serving_flags.h"

namespace cascade::cli {

void ServingFlags::AddTo(Flags& flags) {
  flags.BeginGroup("How it is served");
  flags.Add("priority", "N", "higher ones start first; more than 0 if the server allows it",
            &priority_);
  flags.Add("cache_salt", "TEXT", "share the prefix cache among equal salts only", &cache_salt_);
  flags.Add("bypass_cache", "", "neither use nor feed the prefix cache", &bypass_cache_);
  flags.Add("request_id", "ID", "what the server's log calls this request", &request_id_);
}

}  // namespace cascade::cli
