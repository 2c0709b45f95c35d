// SPDX-License-Identifier: Apache-2.0

#include "server/observability/grpc_message.h"

#include "gtest/gtest.h"

namespace cascade::server {
namespace {

TEST(GrpcMessageTest, SaysWhyAHandshakeFailed) {
  EXPECT_EQ(TlsFailure("Handshake failed with fatal error SSL_ERROR_SSL: error:0A00010B:SSL "
                       "routines::wrong version number."),
            "the client spoke no TLS");
  EXPECT_EQ(TlsFailure("Handshake failed with fatal error SSL_ERROR_SSL: error:0A000102:SSL "
                       "routines::unsupported protocol."),
            "the client's TLS is older than 1.2");
  EXPECT_EQ(TlsFailure("Handshake failed with fatal error SSL_ERROR_SSL: error:0A0000FF:SSL "
                       "routines::something new."),
            "see what gRPC said");
  EXPECT_EQ(TlsFailure("wrong version number"), "");
}

}  // namespace
}  // namespace cascade::server
