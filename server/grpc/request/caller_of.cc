// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/caller_of.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "absl/hash/hash.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace cascade::server {
namespace {

constexpr int kNetworkBytes = 8;  // of an IPv6 address; the rest is the host's to choose
constexpr int kMappedBytes = 12;  // before the IPv4 address in an IPv6 address

absl::string_view WithoutPort(absl::string_view address) {
  return address.substr(0, address.rfind(':'));
}

std::string Text(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  return inet_ntop(family, address, text.data(), text.size()) == nullptr ? "" : text.data();
}

// The name of "[2001:db8::1]:5000" or of the same with percent signs, as newer gRPC writes it.
std::string Ipv6Name(absl::string_view address) {
  std::string host(WithoutPort(address));
  host = absl::StrReplaceAll(host, {{"%5B", ""}, {"%5D", ""}, {"[", ""}, {"]", ""}});
  in6_addr bytes = {};
  if (inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), &bytes) != 1) return host;
  if (IN6_IS_ADDR_V4MAPPED(&bytes)) return Text(AF_INET, bytes.s6_addr + kMappedBytes);
  if (IN6_IS_ADDR_LINKLOCAL(&bytes) || IN6_IS_ADDR_LOOPBACK(&bytes)) return host;
  std::fill(bytes.s6_addr + kNetworkBytes, std::end(bytes.s6_addr), 0);
  return Text(AF_INET6, &bytes);
}

}  // namespace

std::string CallerName(absl::string_view peer) {
  if (absl::ConsumePrefix(&peer, "ipv4:")) return std::string(WithoutPort(peer));
  if (absl::ConsumePrefix(&peer, "ipv6:")) return Ipv6Name(peer);
  return std::string(peer.substr(0, peer.find(':')));
}

Caller CallerOf(absl::string_view peer) {
  return static_cast<Caller>(absl::HashOf(CallerName(peer)) % kCallers);
}

}  // namespace cascade::server
