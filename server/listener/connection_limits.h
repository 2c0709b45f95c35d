// SPDX-License-Identifier: Apache-2.0
// How many connections the server keeps at once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "server/listener/listen_options.h"

namespace cascade::server {

struct ConnectionLimits {
  std::size_t total = 0;
  std::size_t per_peer = 0;
};

// Raises this process's soft limit of file descriptors to the hard one. The soft limit is often
// 1,024, for the sake of programs that use select(), and this one does not.
void RaiseDescriptorLimit();

// The number of file descriptors that this process may have open.
std::size_t DescriptorLimit();

// The limits that `options` ask for, or what `descriptors` and `memory` (in bytes) allow: at most
// 10,000 connections, of which a connection without a call takes 20 KiB, may take an eighth of the
// memory. Never more than `descriptors` suffice for, whatever is asked for: two for each connection
// (accept_loop.h), and some for all else. Both are at least 1.
ConnectionLimits LimitsFor(const ListenOptions& options, std::size_t descriptors,
                           std::uint64_t memory);

}  // namespace cascade::server
