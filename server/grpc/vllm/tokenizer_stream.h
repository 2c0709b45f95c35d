// SPDX-License-Identifier: Apache-2.0
// The calls of GetTokenizer.
#pragma once

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/engine/mutex.h"
#include "server/grpc/vllm/messages.h"
#include "server/grpc/vllm/tokenizer_archive.h"

namespace cascade::server {

class Serving;

// Sends the archive of the tokenizer, which the first call makes. Any thread. Outlives its calls.
class TokenizerSender {
 public:
  // Borrows `serving`.
  explicit TokenizerSender(const Serving& serving) : serving_(serving) {}

  // Begins a call for the request of `bytes`. The reactor deletes itself.
  grpc::ServerWriteReactor<common_pb::GetTokenizerChunk>* Begin(
      grpc::CallbackServerContext& context, const grpc::ByteBuffer& bytes);

 private:
  absl::StatusOr<std::shared_ptr<const TokenizerArchive>> Archive() ABSL_LOCKS_EXCLUDED(mu_);

  const Serving& serving_;
  Mutex mu_;
  std::shared_ptr<const TokenizerArchive> archive_ ABSL_GUARDED_BY(mu_);
};

}  // namespace cascade::server
