// SPDX-License-Identifier: Apache-2.0

#include "server/listener/listening_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/listener/listen_address.h"

namespace cascade::server {
namespace {

// How long sent data may stay unacknowledged before the kernel gives a connection up: as long as a
// keepalive ping may stay unanswered (server.cc).
constexpr int kUnacknowledgedMs = 20'000;

// A free port of one address of a host may be taken on another: so many ports are tried.
constexpr int kPortTries = 16;

std::string Reason(int error) { return std::generic_category().message(error); }

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

// The addresses that host and port resolve to; if there are none, `error` has the reason.
AddressList Resolve(const std::string& host, const std::string& port, int& error) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  return {found, freeaddrinfo};
}

void SetOption(const FileDescriptor& socket, int level, int name, int value) {
  setsockopt(socket.get(), level, name, &value, sizeof(value));
}

// A socket that does not block; invalid, with errno, if there is none to be had.
FileDescriptor NewSocket(int family) {
  return FileDescriptor(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// Puts `port` into an IPv4 or IPv6 address, which have it in the same place.
void SetPort(sockaddr_storage& address, in_port_t port) {
  reinterpret_cast<sockaddr_in&>(address).sin_port = port;
}

// The port on which `socket` listens, in the order of the network.
in_port_t PortOf(const FileDescriptor& socket) {
  sockaddr_storage name = {};
  socklen_t size = sizeof(name);
  getsockname(socket.get(), reinterpret_cast<sockaddr*>(&name), &size);
  return reinterpret_cast<const sockaddr_in&>(name).sin_port;
}

// Listens on one address, and on `port` if that is not 0. Returns an invalid descriptor, with
// errno, if that cannot be.
FileDescriptor ListenOnOne(const addrinfo& info, in_port_t port) {
  FileDescriptor socket = NewSocket(info.ai_family);
  if (!socket.valid()) return socket;
  sockaddr_storage address = {};
  std::memcpy(&address, info.ai_addr, info.ai_addrlen);
  if (port != 0) SetPort(address, port);
  // Connections that wait for their end do not keep a port taken. SO_REUSEPORT stays off, with
  // which two servers could share a port by chance.
  SetOption(socket, SOL_SOCKET, SO_REUSEADDR, 1);
  SetOption(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, kUnacknowledgedMs);
  if (info.ai_family == AF_INET6) SetOption(socket, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), info.ai_addrlen) != 0 ||
      listen(socket.get(), SOMAXCONN) != 0) {
    return FileDescriptor();
  }
  return socket;
}

// Listens on all addresses of the list that this machine has. `error` is 0, or why that cannot be.
std::vector<FileDescriptor> ListenOnAll(const addrinfo& list, int& error) {
  std::vector<FileDescriptor> sockets;
  error = 0;
  for (const addrinfo* info = &list; info != nullptr; info = info->ai_next) {
    FileDescriptor socket =
        ListenOnOne(*info, sockets.empty() ? in_port_t{0} : PortOf(sockets.front()));
    if (socket.valid()) {
      sockets.push_back(std::move(socket));
    } else if (sockets.empty() || errno == EADDRINUSE) {
      error = errno;
    }
    if (error == EADDRINUSE) return {};
  }
  if (!sockets.empty()) error = 0;
  return sockets;
}

AddressList ResolveToListen(const ListenAddress& address, int& error) {
  // One socket of IPv6 serves IPv4 too, and is what a machine without IPv6 refuses.
  const bool every_interface = IsEveryInterface(address.host);
  if (every_interface && NewSocket(AF_INET6).valid()) return Resolve("::", address.port, error);
  if (every_interface) return Resolve("0.0.0.0", address.port, error);
  AddressList found = Resolve(address.host, address.port, error);
  if (found != nullptr || address.host != "localhost") return found;
  return Resolve("127.0.0.1", address.port, error);
}

// `why` is empty if there are sockets.
std::vector<FileDescriptor> ListenOnTcp(const ListenAddress& address, std::string& why) {
  int error = 0;
  const AddressList found = ResolveToListen(address, error);
  if (found == nullptr) {
    why = gai_strerror(error);
    return {};
  }
  std::vector<FileDescriptor> sockets = ListenOnAll(*found, error);
  const bool any_port = address.port.find_first_not_of('0') == std::string::npos;
  for (int tries = 1; any_port && error == EADDRINUSE && tries < kPortTries; ++tries) {
    sockets = ListenOnAll(*found, error);
  }
  if (sockets.empty()) why = Reason(error);
  return sockets;
}

// True if a server listens at `name`.
bool IsLive(const sockaddr_un& name) {
  const FileDescriptor socket = NewSocket(AF_UNIX);
  return connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0 ||
         errno == EAGAIN;  // one that has not accepted the connections before this
}

// Removes the file that a server before left behind. False if there is something else.
bool RemoveSocketFile(const std::string& path) {
  struct stat status = {};
  if (lstat(path.c_str(), &status) != 0) return true;
  return S_ISSOCK(status.st_mode) && unlink(path.c_str()) == 0;
}

// `why` is empty if the result is valid.
FileDescriptor ListenOnUnix(const std::string& path, mode_t mode, std::string& why) {
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof(name.sun_path)) {
    why = absl::StrCat("the path must be shorter than ", sizeof(name.sun_path), " bytes");
    return FileDescriptor();
  }
  path.copy(name.sun_path, path.size());
  if (IsLive(name)) {
    why = Reason(EADDRINUSE);
    return FileDescriptor();
  }
  if (!RemoveSocketFile(path)) {
    why = "there is something else than a socket";
    return FileDescriptor();
  }
  FileDescriptor socket = NewSocket(AF_UNIX);
  // The file gets the socket's mode less the umask, and then all of the mode: it is never open to
  // more accounts than it will be.
  if (!socket.valid() || fchmod(socket.get(), mode) != 0 ||
      bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0 ||
      chmod(path.c_str(), mode) != 0 || listen(socket.get(), SOMAXCONN) != 0) {
    why = Reason(errno);
    return FileDescriptor();
  }
  return socket;
}

}  // namespace

absl::StatusOr<ListeningSockets> ListenOn(absl::string_view address, mode_t mode) {
  absl::StatusOr<ListenAddress> parsed = ParseListenAddress(address);
  if (!parsed.ok()) return parsed.status();
  ListeningSockets listening;
  std::string why;
  if (parsed->unix_path.empty()) {
    listening.sockets = ListenOnTcp(*parsed, why);
  } else {
    listening.sockets.push_back(ListenOnUnix(parsed->unix_path, mode, why));
    if (why.empty()) listening.file = SocketFile(std::move(parsed->unix_path));
  }
  if (!why.empty()) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", address, ": ", why));
  }
  listening.dial_address = DialAddress(address, ntohs(PortOf(listening.sockets.front())));
  return listening;
}

}  // namespace cascade::server
