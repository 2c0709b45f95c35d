// SPDX-License-Identifier: Apache-2.0
// Whose connection it is.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>

namespace cascade::server {

// The peer's name from its IPv4 or IPv6 address, for counts, turns and logs; "?" for an address of
// another family.
// - IPv4: the address. An IPv4 address that IPv6 carries (::ffff:192.0.2.1) is the same peer.
// - IPv6: the network of 64 bits, "2001:db8:1:2::/64", because a host has as many addresses of it
// as
//   it likes. Addresses of the link and of the machine itself stand alone.
std::string AddressName(const sockaddr_storage& address);

// Names the peer of the connected `socket`: the AddressName, or the account at a Unix socket,
// "uid:1000". None if the connection has ended, because its peer has reset it for example.
std::optional<std::string> PeerOf(int socket);

}  // namespace cascade::server
