// SPDX-License-Identifier: Apache-2.0
// A client's connection without a gRPC library: what it sends is up to the test.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "server/listener/file_descriptor.h"

namespace cascade::testing {

class RawConnection {
 public:
  // Connects to `address`: IPV4:PORT or unix:PATH. Fails the test if nothing listens there.
  explicit RawConnection(const std::string& address);

  // Sends bytes; a peer that has closed the connection is no error here.
  void Send(absl::string_view bytes) const;

  // Begins HTTP/2 as a client does: preface and empty SETTINGS.
  void SendPreface() const;

  // Reads so many bytes, or fewer if the peer closes the connection before.
  std::string Read(std::size_t bytes) const;

  // Sends the preface. True if a server answers it with SETTINGS, false if it closes the
  // connection.
  bool IsServed() const;

  // Reads until the peer closes the connection.
  void WaitForEnd() const;

  void Close() { socket_.Close(); }
  int fd() const { return socket_.get(); }

 private:
  server::FileDescriptor socket_;
};

}  // namespace cascade::testing
