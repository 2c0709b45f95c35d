// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/vllm/tokenizer_stream.h"

#include <algorithm>
#include <cstddef>
#include <new>
#include <utility>

#include "absl/status/status.h"
#include "model/tokenizer/tokenizer.h"
#include "server/grpc/backend.h"
#include "server/grpc/call/call_memory.h"
#include "server/grpc/call/short_stream.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/method.h"
#include "server/grpc/request/parse.h"
#include "server/grpc/serving.h"

namespace cascade::server {
namespace {

using Chunk = common_pb::GetTokenizerChunk;

// Small enough for every client's limit on messages, which is 4 MiB unless it says otherwise.
constexpr std::size_t kChunkBytes = std::size_t{512} << 10;

class TokenizerStream final : public ShortStream<Chunk> {
 public:
  using ShortStream::ShortStream;

  // Before Accept.
  void Send(std::shared_ptr<const TokenizerArchive> archive) { archive_ = std::move(archive); }

 private:
  Next TakeMessage(Chunk& chunk, absl::Status& status) noexcept override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    try {
      const std::size_t size = std::min(kChunkBytes, archive_->zip.size() - sent_);
      chunk.mutable_data()->assign(archive_->zip, sent_, size);
      sent_ += size;
      if (sent_ < archive_->zip.size()) return Next::kWrite;
      chunk.set_sha256(archive_->sha256);
      return Next::kWriteAndFinish;
    } catch (const std::bad_alloc&) {
      status = StatusOrItsCode(absl::StatusCode::kResourceExhausted,
                               "memory ran out while the tokenizer was sent");
      return Next::kFinish;
    }
  }

  std::shared_ptr<const TokenizerArchive> archive_;
  std::size_t sent_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const TokenizerArchive>> TokenizerSender::Archive() {
  const absl::StatusOr<const Backend*> backend = serving_.Available();
  if (!backend.ok()) return backend.status();
  if (!(*backend)->info.has_tokenizer) {
    return absl::FailedPreconditionError(
        "this server has no tokenizer (--tokenizer=none): it takes and gives token ids");
  }
  const MutexLock lock(mu_);  // who comes while it is made waits for it: some ten milliseconds
  if (archive_ == nullptr) {
    absl::StatusOr<TokenizerArchive> made =
        MakeTokenizerArchive((*backend)->info.tokenizer_folder, (*backend)->tokenizer);
    if (!made.ok()) return made.status();
    archive_ = std::make_shared<const TokenizerArchive>(*std::move(made));
  }
  return archive_;
}

grpc::ServerWriteReactor<Chunk>* TokenizerSender::Begin(grpc::CallbackServerContext& context,
                                                        const grpc::ByteBuffer& bytes) {
  static constexpr MethodName kMethod = {kVllmEngine, "GetTokenizer"};
  auto* call = new TokenizerStream(kMethod, context, serving_.environment());
  const auto work = [this, &bytes, call](const std::shared_ptr<Tenant>&) -> absl::Status {
    common_pb::GetTokenizerRequest request;
    if (absl::Status status = Parse(bytes, request); !status.ok()) return status;
    absl::StatusOr<std::shared_ptr<const TokenizerArchive>> archive = Archive();
    if (!archive.ok()) return archive.status();
    if (!call->memory().TryGrow(ResponseBytes(kChunkBytes))) return serving_.memory().Full();
    call->Send(*std::move(archive));
    call->Accept();
    return absl::OkStatus();
  };
  return server::Begin(serving_, context, bytes, call, work);
}

}  // namespace cascade::server
