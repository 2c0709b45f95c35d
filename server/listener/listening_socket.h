// SPDX-License-Identifier: Apache-2.0
// The sockets of one address on which the server listens.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/listener/file_descriptor.h"

namespace cascade::server {

// A socket file that is removed with its owner.
class SocketFile {
 public:
  SocketFile() = default;
  explicit SocketFile(std::string path) : path_(std::move(path)) {}
  SocketFile(SocketFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  SocketFile& operator=(SocketFile&& other) noexcept {
    path_.swap(other.path_);
    return *this;
  }
  ~SocketFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }

 private:
  std::string path_;  // empty: none
};

// Listens until it is destroyed.
struct ListeningSockets {
  std::vector<FileDescriptor> sockets;  // do not block; one for each address of the host
  std::string dial_address;             // for clients; with the port that was chosen, if it was 0
  SocketFile file;                      // of a Unix socket
};

// Listens on `address` (listen_address.h), with a Unix socket's file in the mode `mode`.
//
// A host is listened on with all addresses that it resolves to, except those that this machine does
// not have; port 0 is the same free port on all of them. A localhost that does not resolve is
// 127.0.0.1: a new chroot has no /etc/hosts. 0.0.0.0 and [::] are every interface of both IPv4 and
// IPv6.
//
// Connections inherit TCP_NODELAY, and a limit of 20 seconds for data that is not acknowledged.
//
// Errors: INVALID_ARGUMENT for another form; UNAVAILABLE, with the reason, if one of the addresses
// is in use or there is none to listen on. The socket file of a server that is gone is replaced,
// that of a live server is in use.
absl::StatusOr<ListeningSockets> ListenOn(absl::string_view address, mode_t mode);

}  // namespace cascade::server
