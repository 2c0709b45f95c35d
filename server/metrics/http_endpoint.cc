// SPDX-License-Identifier: Apache-2.0

#include "server/metrics/http_endpoint.h"

#include <microhttpd.h>

#include <cstdarg>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace cascade::server {
namespace {

constexpr unsigned kMaxConnections = 64;
constexpr unsigned kMaxConnectionsPerAddress = 16;
constexpr unsigned kIdleSeconds = 10;
constexpr std::size_t kConnectionBytes = std::size_t{16} << 10;

MHD_Result Send(MHD_Connection* connection, const HttpPage& page) {
  MHD_Response* const response = MHD_create_response_from_buffer(
      page.body.size(), const_cast<char*>(page.body.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page.content_type.c_str());
  const MHD_Result queued = MHD_queue_response(connection, page.status, response);
  MHD_destroy_response(response);
  return queued;
}

// The library calls it when the head of a request has come, for each piece of its body, and at the
// end of the request.
MHD_Result Handle(void* endpoint, MHD_Connection* connection, const char* path, const char* method,
                  const char* /*version*/, const char* /*upload*/, std::size_t* upload_size,
                  void** state) {
  try {
    const absl::string_view verb = method;
    if (verb != MHD_HTTP_METHOD_GET && verb != MHD_HTTP_METHOD_HEAD) {
      return Send(connection, {.status = MHD_HTTP_METHOD_NOT_ALLOWED, .body = "GET or HEAD\n"});
    }
    if (*state == nullptr) {
      *state = endpoint;  // the head has come; the library wants the answer with the next call
      return MHD_YES;
    }
    *upload_size = 0;  // nobody wants a body
    return Send(connection, static_cast<const HttpEndpoint*>(endpoint)->Get(path));
  } catch (...) {
    return MHD_NO;  // closes the connection
  }
}

// What the library says of its clients is no news.
void SayNothing(void* /*argument*/, const char* /*format*/, va_list /*arguments*/) {}

MHD_Daemon* StartDaemon(int socket, HttpEndpoint* endpoint) {
  return MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, nullptr, nullptr, &Handle, endpoint,
      MHD_OPTION_EXTERNAL_LOGGER, &SayNothing, nullptr,  // first: it hears of the others' errors
      MHD_OPTION_LISTEN_SOCKET, socket, MHD_OPTION_CONNECTION_LIMIT, kMaxConnections,
      MHD_OPTION_PER_IP_CONNECTION_LIMIT, kMaxConnectionsPerAddress, MHD_OPTION_CONNECTION_TIMEOUT,
      kIdleSeconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionBytes, MHD_OPTION_END);
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(ListeningSockets listening,
                                                                  Pages pages) {
  std::unique_ptr<HttpEndpoint> endpoint(new HttpEndpoint(std::move(listening), std::move(pages)));
  for (FileDescriptor& socket : endpoint->listening_.sockets) {
    MHD_Daemon* const daemon = StartDaemon(socket.get(), endpoint.get());
    if (daemon == nullptr) {
      return absl::ResourceExhaustedError(
          absl::StrCat("no thread or no file descriptor to serve HTTP on ", endpoint->address()));
    }
    socket.Release();  // the daemon closes it
    endpoint->daemons_.push_back(daemon);
  }
  return endpoint;
}

HttpEndpoint::HttpEndpoint(ListeningSockets listening, Pages pages)
    : listening_(std::move(listening)), pages_(std::move(pages)) {}

HttpEndpoint::~HttpEndpoint() {
  for (MHD_Daemon* const daemon : daemons_) MHD_stop_daemon(daemon);
}

HttpPage HttpEndpoint::Get(const char* path) const {
  const auto page = pages_.find(path);
  if (page != pages_.end()) {
    try {
      return page->second();
    } catch (const std::exception& error) {
      return {.status = MHD_HTTP_INTERNAL_SERVER_ERROR, .body = absl::StrCat(error.what(), "\n")};
    }
  }
  HttpPage list = {.status = MHD_HTTP_NOT_FOUND, .body = "There is"};
  for (const auto& [known, make] : pages_) absl::StrAppend(&list.body, " ", known);
  list.body += "\n";
  return list;
}

}  // namespace cascade::server
