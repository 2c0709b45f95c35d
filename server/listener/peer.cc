// SPDX-License-Identifier: Apache-2.0

#include "server/listener/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace cascade::server {
namespace {

constexpr int kNetworkBytes = 8;  // of an IPv6 address; the rest is the host's to choose
constexpr int kMappedBytes = 12;  // before the IPv4 address in an IPv6 address

std::string Text(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  return inet_ntop(family, address, text.data(), text.size()) == nullptr ? "?" : text.data();
}

std::string NameOfIpv6(in6_addr address) {
  if (IN6_IS_ADDR_V4MAPPED(&address)) return Text(AF_INET, address.s6_addr + kMappedBytes);
  if (IN6_IS_ADDR_LINKLOCAL(&address) || IN6_IS_ADDR_LOOPBACK(&address)) {
    return Text(AF_INET6, &address);
  }
  std::fill(address.s6_addr + kNetworkBytes, std::end(address.s6_addr), 0);
  return absl::StrCat(Text(AF_INET6, &address), "/", 8 * kNetworkBytes);
}

std::string NameOfAccount(int socket) {
  ucred account = {};
  socklen_t size = sizeof(account);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &account, &size) != 0) return "unix";
  return absl::StrCat("uid:", account.uid);
}

}  // namespace

std::string AddressName(const sockaddr_storage& address) {
  switch (address.ss_family) {
    case AF_INET:
      return Text(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr);
    case AF_INET6:
      return NameOfIpv6(reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
    default:
      return "?";
  }
}

std::optional<std::string> PeerOf(int socket) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  return address.ss_family == AF_UNIX ? NameOfAccount(socket) : AddressName(address);
}

}  // namespace cascade::server
