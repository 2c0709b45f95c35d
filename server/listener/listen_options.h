// SPDX-License-Identifier: Apache-2.0
// Where the server listens, and which connections it keeps.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace cascade::server {

struct ListenOptions {
  std::vector<std::string> addresses = {"localhost:50051"};  // HOST:PORT or unix:PATH; at least one
  mode_t unix_socket_mode = 0600;
  std::optional<std::size_t> max_connections;           // absent: what descriptors and memory allow
  std::optional<std::size_t> max_connections_per_peer;  // absent: half of max_connections
  absl::Duration handshake = absl::Seconds(20);  // from the accept to the client's HTTP/2 settings
  absl::Duration idle_connection = absl::Minutes(30);    // without a call; zero: for ever
  absl::Duration connection_age = absl::ZeroDuration();  // then no new calls; zero: for ever
  absl::Duration connection_grace = absl::Minutes(10);   // after that, for the calls that are open
};

}  // namespace cascade::server
