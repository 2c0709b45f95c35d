// SPDX-License-Identifier: Apache-2.0

#include "tests/soak/raw_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace cascade::testing {
namespace {

constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Of four kinds: nothing, noise, half the handshake, and the handshake with noise for frames.
std::string MakeGarbage(std::mt19937_64& rng) {
  const std::string preface(kPreface);
  std::string noise(rng() % 2000, '\0');
  for (char& byte : noise) byte = static_cast<char>(rng());
  switch (rng() % 4) {
    case 0:
      return "";
    case 1:
      return noise;
    case 2:
      return preface.substr(0, rng() % preface.size());
    default:
      return preface + noise;
  }
}

}  // namespace

void SendGarbage(std::uint16_t port, std::uint32_t hold_ms, std::mt19937_64& rng) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    const std::string garbage = MakeGarbage(rng);
    if (!garbage.empty()) (void)!send(fd, garbage.data(), garbage.size(), MSG_NOSIGNAL);
    pollfd hung_up = {.fd = fd, .events = 0, .revents = 0};
    poll(&hung_up, 1, static_cast<int>(hold_ms));  // until the server has had enough, or we have
    const linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));  // a reset, no farewell
  }
  close(fd);
}

}  // namespace cascade::testing
