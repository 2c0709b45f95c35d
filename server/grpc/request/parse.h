// SPDX-License-Identifier: Apache-2.0
// From a request's bytes to its message.
#pragma once

#include "absl/status/status.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/support/byte_buffer.h"

namespace cascade::server {

// Parses `bytes` into `message`, which is empty. INVALID_ARGUMENT, naming the message's type, if
// that fails. Methods take bytes and parse them here because gRPC answers UNIMPLEMENTED, without a
// word, to a message that does not parse, and because a call must have its share of the memory
// before it is parsed. May throw std::bad_alloc.
absl::Status Parse(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message);

}  // namespace cascade::server
