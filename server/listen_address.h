// SPDX-License-Identifier: Apache-2.0
// Where the server listens: HOST:PORT, an IPv6 host in brackets, or unix:PATH.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace cascade::server {

// INVALID_ARGUMENT unless `address` has one of these forms and the port is at most 65535.
absl::Status CheckListenAddress(absl::string_view address);

// UNAVAILABLE, saying why, if nobody can listen on `address` now: one of the addresses that the
// host stands for is taken, or none can be had. gRPC would not say why, and is content with a part
// of them, so that two servers on "localhost" would share its clients by chance. REQUIRES: the form
// is right.
absl::Status CheckCanListen(absl::string_view address);

// What to bind for `address`: itself, but 127.0.0.1 for a localhost that nothing resolves. A system
// as bare as a new chroot has no /etc/hosts, and gRPC would ask it.
std::string BindAddress(absl::string_view address);

// What clients of a server that listens on `address`, and got `port`, dial: localhost where the
// server listens on every interface.
std::string DialAddress(absl::string_view address, int port);

}  // namespace cascade::server
