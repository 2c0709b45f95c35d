// SPDX-License-Identifier: Apache-2.0
// Which replica is likely to hold a prompt's beginning in its prefix cache.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "cascade/v1/text_generation.pb.h"

namespace cascade::client {

// The replicas in the order in which a request is to try them, such that requests whose prompts
// begin alike (the first 256 bytes of text, or 64 token ids, with equal cache salts) have the same
// order, and other requests are spread evenly. A replica that comes or goes changes the first place
// of its own share of the prompts alone: rendezvous hashing (Thaler and Ravishankar 1998), by the
// replicas' addresses. Every client that has the same addresses, in whatever order, chooses alike.
std::vector<std::size_t> PrefixOrder(const v1::GenerateRequest& request,
                                     std::span<const std::string> addresses);

}  // namespace cascade::client
