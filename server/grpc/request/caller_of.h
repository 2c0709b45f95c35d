// SPDX-License-Identifier: Apache-2.0
// Who sends a request.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "server/engine/caller.h"

namespace cascade::server {

// The caller's name, from `peer` as gRPC writes it: an IPv4 address ("ipv4:192.0.2.1:5000" and an
// IPv6 address that carries it are the same); the network of 64 bits of another IPv6 address, since
// a host has as many addresses of it as it likes; or "unix". Clients behind one proxy are one.
std::string CallerName(absl::string_view peer);

// Its number. Not the same in another process, so that nobody can choose to share another's turns.
Caller CallerOf(absl::string_view peer);

}  // namespace cascade::server
