// SPDX-License-Identifier: Apache-2.0
// The log messages of gRPC and Protobuf.
#pragma once

namespace cascade::server {

// Routes gRPC's own log messages through Log: its errors as warnings, all others as debug; and
// Protobuf's, about malformed messages, as debug; the first 1024 bytes of each. Call it once,
// after StartLogging, before gRPC is used.
void RouteGrpcLogs();

}  // namespace cascade::server
