// SPDX-License-Identifier: Apache-2.0
// What the messages of Embed and Score have in common.
#pragma once

#include "absl/time/time.h"
#include "cascade/v1/text_generation.pb.h"
#include "server/grpc/request/batch_request.h"
#include "server/grpc/v1/request.h"

namespace cascade::server {

// A text or its tokens; borrows `message`.
InputText ToInput(const v1::Input& message);

// The fields that both requests have; borrows `message`.
template <typename Message>
void FillBatchRequest(const Message& message, BatchRequest& request) {
  request.field_name = V1FieldName;
  request.request_id = message.request_id();
  request.parse_special_tokens = message.parse_special_tokens();
  request.cache = {.salt = message.cache().salt(), .bypass = message.cache().bypass()};
  request.priority = message.priority();
}

// Fills in the times of a call of several prompts that arrived at `arrival`, the first of which
// waited for `queue`, and which is over now.
void FillTimings(absl::Time arrival, absl::Duration queue, v1::Timings& timings);

}  // namespace cascade::server
