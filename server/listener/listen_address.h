// SPDX-License-Identifier: Apache-2.0
// The address on which the server listens: HOST:PORT, an IPv6 host in brackets, or unix:PATH.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cascade::server {

// Either `unix_path` is set, or `host` and `port` are.
struct ListenAddress {
  std::string host;  // without brackets
  std::string port;  // 0 to 65535
  std::string unix_path;
};

// INVALID_ARGUMENT unless `address` has one of the forms above and the port is at most 65535.
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view address);

// True for the hosts that stand for every interface, IPv4's and IPv6's: 0.0.0.0 and ::. A server on
// either of them listens for both.
bool IsEveryInterface(absl::string_view host);

// The address that clients connect to if a server listens on `address` and got `port`: with
// localhost as the host where the server listens on every interface.
// REQUIRES: ParseListenAddress(address) is OK.
std::string DialAddress(absl::string_view address, int port);

}  // namespace cascade::server
