// SPDX-License-Identifier: Apache-2.0
// The flags of commands that run the model: how the server is to treat the request.
#pragma once

#include <cstdint>
#include <string>

#include "tools/cascade/flags.h"

namespace cascade::cli {

class ServingFlags {
 public:
  // `flags` borrows this. Begins a group.
  void AddTo(Flags& flags);

  // Fills what was given into a request that has these fields.
  template <typename Request>
  void Fill(Request& request) const {
    request.set_priority(priority_);
    request.mutable_cache()->set_salt(cache_salt_);
    request.mutable_cache()->set_bypass(bypass_cache_);
    request.set_request_id(request_id_);
  }

 private:
  std::int32_t priority_ = 0;
  std::string cache_salt_;
  bool bypass_cache_ = false;
  std::string request_id_;
};

}  // namespace cascade::cli
