// SPDX-License-Identifier: Apache-2.0
// Who sends a request.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "server/engine/caller.h"

namespace cascade::server {

class Tenant;

// The caller's name, from `peer` as gRPC writes it: the AddressName of "ipv4:192.0.2.1:5000" or
// "ipv6:[2001:db8::1]:5000" (listener/peer.h), or "unix". Clients behind one proxy are one.
std::string CallerName(absl::string_view peer);

// Its number. Not the same in another process, so that nobody can choose to share another's turns.
Caller CallerNamed(absl::string_view name);

// Who owns the generations of a call, and may abort them: `tenant`'s name, or where callers are not
// known (null) the CallerName of `peer`.
std::string OwnerOf(const Tenant* tenant, absl::string_view peer);

}  // namespace cascade::server
