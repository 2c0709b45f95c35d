// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/parse.h"

#include "absl/strings/str_cat.h"
#include "grpcpp/support/proto_buffer_reader.h"

namespace cascade::server {

absl::Status Parse(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message) {
  if (!bytes.Valid()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the call has no message; send one ", message.GetTypeName()));
  }
  grpc::ByteBuffer copy = bytes;  // of the references: the reader wants a buffer that may change
  grpc::ProtoBufferReader reader(&copy);
  if (reader.status().ok() && message.ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the message is not a ", message.GetTypeName(),
                   ": its bytes are damaged or of another message, or one of its strings is not "
                   "valid UTF-8"));
}

}  // namespace cascade::server
