// SPDX-License-Identifier: Apache-2.0
// The address on which the server listens: HOST:PORT, an IPv6 host in brackets, or unix:PATH.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace cascade::server {

// INVALID_ARGUMENT unless `address` has one of these forms and the port is at most 65535.
absl::Status CheckListenAddress(absl::string_view address);

// UNAVAILABLE, with the reason, if no server can listen on `address` now: one of the addresses that
// the host resolves to is in use, or the host resolves to none. gRPC gives no reason, and accepts
// listening on only some of the addresses, so that two servers on "localhost" would get each
// other's clients by chance. REQUIRES: CheckListenAddress(address) is OK.
absl::Status CheckCanListen(absl::string_view address);

// The address to pass to gRPC for `address`: `address` itself, but with 127.0.0.1 for a localhost
// that does not resolve. A new chroot has no /etc/hosts, which gRPC would ask.
std::string BindAddress(absl::string_view address);

// The address that clients connect to if a server listens on `address` and got `port`: with
// localhost as the host where the server listens on every interface.
std::string DialAddress(absl::string_view address, int port);

}  // namespace cascade::server
