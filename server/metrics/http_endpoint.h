// SPDX-License-Identifier: Apache-2.0
// A few pages over HTTP, for machines that watch the server.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/listener/listening_socket.h"

struct MHD_Daemon;

namespace cascade::server {

struct HttpPage {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Serves pages by GET and HEAD on a thread of its own for each socket. Every other path is 404,
// every other method 405. 64 connections, 16 of them of one address, each of which is closed when
// nothing comes for ten seconds; a request's head may have 16 KiB.
class HttpEndpoint {
 public:
  // The pages by their paths, "/metrics". They are made on the endpoint's thread. A page that
  // throws is a 500.
  using Pages = std::map<std::string, std::function<HttpPage()>, std::less<>>;

  // RESOURCE_EXHAUSTED if there is no thread or no descriptor for it.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Start(ListeningSockets listening,
                                                             Pages pages);

  // Stops listening, ends connections, and waits for a page that is being made.
  ~HttpEndpoint();

  // For clients: with the port that was chosen, if it was 0.
  const std::string& address() const { return listening_.dial_address; }

  // The page of `path`.
  HttpPage Get(const char* path) const;

 private:
  HttpEndpoint(ListeningSockets listening, Pages pages);

  ListeningSockets listening_;
  const Pages pages_;
  std::vector<MHD_Daemon*> daemons_;  // one for each socket
};

}  // namespace cascade::server
