#pragma once

namespace cascade::server {

// Sends what gRPC itself logs through Log: its errors as warnings, the rest as debug; and what
// Protobuf says of malformed messages, as debug. Call it after StartLogging, before gRPC is used.
void RouteGrpcLogs();

}  // namespace cascade::server
