#include "server/listen_error.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace cascade::server {
namespace {

// The reason that binding the first address of host and port fails; empty if it does not.
std::string WhyNotBind(const std::string& host, const std::string& port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
    return gai_strerror(error);
  }
  std::string reason;
  const int fd = socket(found->ai_family, SOCK_STREAM, 0);
  const int on = 1;
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 1) != 0) {
    reason = std::strerror(errno);
  }
  if (fd >= 0) close(fd);
  freeaddrinfo(found);
  return reason;
}

}  // namespace

absl::Status ListenError(absl::string_view address) {
  std::string reason;
  if (absl::StartsWith(address, "unix:")) {
    reason = "is the path too long, in a folder that is not there, or taken?";
  } else {
    const std::size_t colon = address.rfind(':');
    absl::string_view host = address.substr(0, colon);
    if (absl::StartsWith(host, "[")) host = host.substr(1, host.size() - 2);
    reason = WhyNotBind(std::string(host), std::string(address.substr(colon + 1)));
  }
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address, reason.empty() ? "" : ": ", reason));
}

}  // namespace cascade::server
