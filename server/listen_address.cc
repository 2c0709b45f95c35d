// SPDX-License-Identifier: Apache-2.0

#include "server/listen_address.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <system_error>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace cascade::server {
namespace {

constexpr absl::string_view kUnixPrefix = "unix:";

struct HostAndPort {
  absl::string_view host;  // brackets included
  absl::string_view port;
};

// Splits at the last colon; both parts may be empty.
HostAndPort Split(absl::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) return {address, ""};
  return {address.substr(0, colon), address.substr(colon + 1)};
}

bool IsBracketed(absl::string_view host) {
  return host.size() > 2 && host.front() == '[' && host.back() == ']';
}

bool IsHost(absl::string_view host) {
  return !host.empty() &&
         (IsBracketed(host) || host.find_first_of(":[]") == absl::string_view::npos);
}

bool IsPort(absl::string_view port) {
  std::uint32_t number = 0;
  return absl::c_all_of(port, absl::ascii_isdigit) && absl::SimpleAtoi(port, &number) &&
         number <= 65535;
}

std::string Reason(int error) { return std::generic_category().message(error); }

absl::Status CannotListen(absl::string_view address, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("cannot listen on ", address, ": ", why));
}

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

// The addresses that "host:port" resolves to; if there are none, `error` has the reason.
AddressList Resolve(absl::string_view address, int& error) {
  const HostAndPort parts = Split(address);
  std::string host(parts.host);
  if (IsBracketed(host)) host = host.substr(1, host.size() - 2);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  error = getaddrinfo(host.c_str(), std::string(parts.port).c_str(), &hints, &found);
  return {found, freeaddrinfo};
}

// Tries to bind as gRPC will. Returns 0 or errno.
int TryBind(const addrinfo& info) {
  const int fd = socket(info.ai_family, info.ai_socktype, info.ai_protocol);
  if (fd < 0) return errno;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const int error = bind(fd, info.ai_addr, info.ai_addrlen) == 0 ? 0 : errno;
  close(fd);
  return error;
}

// gRPC replaces an existing socket file. That is right for a file that a dead server left behind,
// and wrong for that of a live server.
absl::Status CheckUnixPath(absl::string_view address) {
  const absl::string_view path = absl::StripPrefix(address, kUnixPrefix);
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof(name.sun_path)) {
    return CannotListen(
        address, absl::StrCat("the path must be shorter than ", sizeof(name.sun_path), " bytes"));
  }
  std::copy(path.begin(), path.end(), name.sun_path);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return CannotListen(address, Reason(errno));
  const bool answered = connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0;
  close(fd);
  return answered ? CannotListen(address, Reason(EADDRINUSE)) : absl::OkStatus();
}

}  // namespace

absl::Status CheckListenAddress(absl::string_view address) {
  const HostAndPort parts = Split(address);
  const bool valid = absl::StartsWith(address, kUnixPrefix)
                         ? address.size() > kUnixPrefix.size()
                         : IsHost(parts.host) && IsPort(parts.port);
  if (valid) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("'", address,
                   "' is not HOST:PORT (an IPv6 host in brackets, a port of at most 65535) or "
                   "unix:PATH"));
}

absl::Status CheckCanListen(absl::string_view address) {
  if (absl::StartsWith(address, kUnixPrefix)) return CheckUnixPath(address);
  int error = 0;
  const AddressList found = Resolve(BindAddress(address), error);
  if (found == nullptr) return CannotListen(address, gai_strerror(error));
  int last_error = 0;
  bool any = false;
  for (const addrinfo* info = found.get(); info != nullptr; info = info->ai_next) {
    const int bind_error = TryBind(*info);
    if (bind_error == EADDRINUSE) return CannotListen(address, Reason(bind_error));
    any = any || bind_error == 0;
    last_error = bind_error;
  }
  return any ? absl::OkStatus() : CannotListen(address, Reason(last_error));
}

std::string BindAddress(absl::string_view address) {
  const HostAndPort parts = Split(address);
  int error = 0;
  if (parts.host != "localhost" || Resolve(address, error) != nullptr) return std::string(address);
  return absl::StrCat("127.0.0.1:", parts.port);
}

std::string DialAddress(absl::string_view address, int port) {
  if (absl::StartsWith(address, kUnixPrefix)) return std::string(address);
  const absl::string_view host = Split(address).host;
  const bool every_interface = host == "0.0.0.0" || host == "[::]";
  return absl::StrCat(every_interface ? "localhost" : host, ":", port);
}

}  // namespace cascade::server
