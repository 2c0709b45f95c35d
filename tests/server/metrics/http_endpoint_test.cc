// SPDX-License-Identifier: Apache-2.0

#include "server/metrics/http_endpoint.h"

#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/metrics/http_get.h"
#include "tests/support/value_or_die.h"

namespace cascade::server {
namespace {

using ::cascade::testing::HttpAnswer;
using ::cascade::testing::HttpAsk;
using ::cascade::testing::RawConnection;
using ::cascade::testing::ValueOrDie;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr mode_t kMode = 0600;

class HttpEndpointTest : public ::testing::Test {
 protected:
  HttpAnswer Ask(absl::string_view request_line) const {
    return HttpAsk(endpoint_->address(), request_line);
  }

  const std::unique_ptr<HttpEndpoint> endpoint_ = ValueOrDie(
      HttpEndpoint::Start(ValueOrDie(ListenOn("127.0.0.1:0", kMode)),
                          {{"/page", [] { return HttpPage{.body = "text\n"}; }},
                           {"/no", [] { return HttpPage{.status = 503, .body = "no\n"}; }},
                           {"/throws", []() -> HttpPage { throw std::bad_alloc(); }}}));
};

TEST_F(HttpEndpointTest, ServesItsPages) {
  const HttpAnswer page = Ask("GET /page HTTP/1.1");
  EXPECT_THAT(page.head, StartsWith("HTTP/1.1 200 OK"));
  EXPECT_THAT(page.head, HasSubstr("Content-Type: text/plain; charset=utf-8"));
  EXPECT_EQ(page.body, "text\n");
  EXPECT_EQ(Ask("GET /page?query=1 HTTP/1.1").body, "text\n");
  EXPECT_EQ(Ask("HEAD /page HTTP/1.1").body, "");
  EXPECT_THAT(Ask("GET /no HTTP/1.1").head, StartsWith("HTTP/1.1 503"));
}

TEST_F(HttpEndpointTest, SaysWhatThereIs) {
  const HttpAnswer none = Ask("GET / HTTP/1.1");
  EXPECT_THAT(none.head, StartsWith("HTTP/1.1 404"));
  EXPECT_EQ(none.body, "There is /no /page /throws\n");
  EXPECT_THAT(Ask("DELETE /page HTTP/1.1").head, StartsWith("HTTP/1.1 405"));
}

TEST_F(HttpEndpointTest, APageThatThrowsIsAnErrorAndNoMore) {
  EXPECT_THAT(Ask("GET /throws HTTP/1.1").head, StartsWith("HTTP/1.1 500"));
  EXPECT_EQ(Ask("GET /page HTTP/1.1").body, "text\n");
}

TEST_F(HttpEndpointTest, NonsenseDoesNotEndIt) {
  for (const std::string& nonsense :
       {std::string("\x16\x03\x01\x02", 4), std::string("GET\r\n\r\n"), std::string(100'000, 'x'),
        "GET /page HTTP/1.1\r\n" + std::string(100'000, 'h') + "\r\n\r\n",
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")}) {
    const RawConnection connection(endpoint_->address());
    connection.Send(nonsense);
  }
  EXPECT_EQ(Ask("GET /page HTTP/1.1").body, "text\n");
}

// One address may have 16 connections: those that do nothing do not keep the next ones waiting.
TEST_F(HttpEndpointTest, RefusesConnectionsBeyondItsLimit) {
  std::vector<std::unique_ptr<RawConnection>> idle;
  for (int i = 0; i < 16; ++i)
    idle.push_back(std::make_unique<RawConnection>(endpoint_->address()));
  RawConnection(endpoint_->address()).WaitForEnd();
  idle.clear();
  std::string body;
  do {  // until the endpoint has heard of the ends
    body = Ask("GET /page HTTP/1.1").body;
  } while (body.empty());
  EXPECT_EQ(body, "text\n");
}

}  // namespace
}  // namespace cascade::server
