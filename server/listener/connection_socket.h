// SPDX-License-Identifier: Apache-2.0
// What the kernel knows of a connection, and how to end it without its owner.
#pragma once

#include <cstdint>

namespace cascade::server {

// Bytes that the TCP `socket` has received since it was connected, read by its owner or not. 0 of
// any other socket: the kernel does not count there.
std::uint64_t ReceivedBytes(int socket);

// Ends the connection of `socket`, of whose descriptor this may be a duplicate. A TCP connection is
// reset: what it received and nobody has read yet is dropped, so that its owner has nothing left to
// work on and finds the connection ended. (shutdown(2) alone would leave the received bytes, some
// megabytes, to the owner.) From any thread.
void ResetConnection(int socket);

}  // namespace cascade::server
