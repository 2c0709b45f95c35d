// SPDX-License-Identifier: Apache-2.0
// A request over HTTP/1.1 by hand.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/server/raw_connection.h"

namespace cascade::testing {

struct HttpAnswer {
  std::string head;  // "HTTP/1.1 200 OK\r\n..."
  std::string body;
};

// Sends `request_line` ("GET /metrics HTTP/1.1") and reads the answer to its end.
inline HttpAnswer HttpAsk(const std::string& address, absl::string_view request_line) {
  const RawConnection connection(address);
  connection.Send(absl::StrCat(request_line, "\r\nHost: test\r\nConnection: close\r\n\r\n"));
  constexpr std::size_t kMost = std::size_t{1} << 20;
  std::string answer = connection.Read(kMost);
  const std::size_t end = answer.find("\r\n\r\n");
  if (end == std::string::npos) return {.head = answer, .body = ""};
  return {.head = answer.substr(0, end), .body = answer.substr(end + 4)};
}

}  // namespace cascade::testing
