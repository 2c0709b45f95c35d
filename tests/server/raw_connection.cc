// SPDX-License-Identifier: Apache-2.0

#include "tests/server/raw_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"

namespace cascade::testing {
namespace {

constexpr absl::string_view kPreface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
constexpr std::size_t kFrameHeaderBytes = 9;
constexpr std::size_t kTypeAt = 3;  // in a frame's header
constexpr char kSettings = 4;

server::FileDescriptor Connect(const sockaddr* address, socklen_t size) {
  server::FileDescriptor socket(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_TRUE(socket.valid()) << errno;
  EXPECT_EQ(connect(socket.get(), address, size), 0) << errno;
  return socket;
}

server::FileDescriptor ConnectTo(const std::string& address) {
  absl::string_view path = address;
  if (absl::ConsumePrefix(&path, "unix:")) {
    sockaddr_un name = {};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof(name.sun_path) - 1);
    return Connect(reinterpret_cast<const sockaddr*>(&name), sizeof(name));
  }
  const std::size_t colon = address.rfind(':');
  std::uint32_t port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(address.substr(colon + 1), &port)) << address;
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<std::uint16_t>(port));
  EXPECT_EQ(inet_pton(AF_INET, address.substr(0, colon).c_str(), &name.sin_addr), 1) << address;
  return Connect(reinterpret_cast<const sockaddr*>(&name), sizeof(name));
}

}  // namespace

RawConnection::RawConnection(const std::string& address) : socket_(ConnectTo(address)) {}

void RawConnection::Send(absl::string_view bytes) const {
  send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void RawConnection::SendPreface() const { Send(kPreface); }

std::string RawConnection::Read(std::size_t bytes) const {
  std::string read(bytes, '\0');
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t count = recv(fd(), &read[done], bytes - done, 0);
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  read.resize(done);
  return read;
}

bool RawConnection::IsServed() const {
  SendPreface();
  const std::string header = Read(kFrameHeaderBytes);
  return header.size() == kFrameHeaderBytes && header[kTypeAt] == kSettings;
}

void RawConnection::WaitForEnd() const {
  while (!Read(1024).empty()) {
  }
}

}  // namespace cascade::testing
