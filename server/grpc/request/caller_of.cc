// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/caller_of.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "absl/hash/hash.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "server/grpc/auth/tenant.h"
#include "server/listener/peer.h"

namespace cascade::server {
namespace {

// "192.0.2.1" of "192.0.2.1:5000", and "2001:db8::1" of "[2001:db8::1]:5000", or of the same with
// percent signs, as newer gRPC writes it.
std::string HostOf(absl::string_view address) {
  const absl::string_view host = address.substr(0, address.rfind(':'));
  return absl::StrReplaceAll(host, {{"%5B", ""}, {"%5D", ""}, {"[", ""}, {"]", ""}});
}

std::string Ipv4Name(const std::string& host) {
  sockaddr_storage storage = {};
  auto& address = reinterpret_cast<sockaddr_in&>(storage);
  address.sin_family = AF_INET;
  return inet_pton(AF_INET, host.c_str(), &address.sin_addr) == 1 ? AddressName(storage) : host;
}

std::string Ipv6Name(const std::string& host) {
  sockaddr_storage storage = {};
  auto& address = reinterpret_cast<sockaddr_in6&>(storage);
  address.sin6_family = AF_INET6;
  const std::string without_scope = host.substr(0, host.find('%'));
  return inet_pton(AF_INET6, without_scope.c_str(), &address.sin6_addr) == 1 ? AddressName(storage)
                                                                             : host;
}

}  // namespace

std::string CallerName(absl::string_view peer) {
  if (absl::ConsumePrefix(&peer, "ipv4:")) return Ipv4Name(HostOf(peer));
  if (absl::ConsumePrefix(&peer, "ipv6:")) return Ipv6Name(HostOf(peer));
  return std::string(peer.substr(0, peer.find(':')));
}

std::string OwnerOf(const Tenant* tenant, absl::string_view peer) {
  return tenant == nullptr ? CallerName(peer) : std::string(tenant->name());
}

Caller CallerNamed(absl::string_view name) {
  return static_cast<Caller>(absl::HashOf(name) % kCallers);
}

}  // namespace cascade::server
