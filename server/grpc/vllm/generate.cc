// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/vllm/generate.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "server/grpc/backend.h"
#include "server/grpc/call/server_stream.h"
#include "server/grpc/call/unary_call.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/admit.h"
#include "server/grpc/request/method.h"
#include "server/grpc/request/parse.h"
#include "server/grpc/serving.h"
#include "server/grpc/vllm/request.h"
#include "server/grpc/vllm/response.h"

namespace cascade::server {
namespace {

using Context = grpc::CallbackServerContext;
using GenerateCall = ServerStream<VllmEncoder>;
using EmbedCall = UnaryCall<VllmEmbedEncoder>;

// The most that a call holds of its answer. A stream's is gathered and in flight, and its ids are
// told once more at the end; another's is all there at the end. The prompt's log-probabilities are
// gathered, and then one message, in every kind of call.
std::size_t HeldBytes(const PreparedRequest& prepared, bool streams, const ModelInfo& info) {
  const GenerationRequest& generation = prepared.generation;
  const std::size_t tokens =
      std::min(generation.params.stopping.max_new_tokens, info.MaxTotalTokens());
  const std::size_t ids = 2 * generation.choices * tokens * sizeof(model::TokenId);
  const std::size_t answer = streams ? 2 * std::min(prepared.answer_bytes, kMaxUnsent.bytes) + ids
                                     : ResponseBytes(prepared.answer_bytes);
  return answer + 2 * prepared.prompt_bytes + prepared.state_bytes;
}

absl::Status StartGenerate(const Serving& serving, const MethodName& method, const Context& context,
                           const grpc::ByteBuffer& bytes, std::shared_ptr<Tenant> tenant,
                           GenerateCall& call) {
  engine_pb::GenerateRequest message;
  if (absl::Status status = Parse(bytes, message); !status.ok()) return status;
  Violations violations(VllmFieldName);
  TextRequest request = ToTextRequest(message, violations);
  absl::StatusOr<PreparedRequest> prepared =
      Admit(serving, method, context, std::move(tenant), std::move(request), std::move(violations));
  if (!prepared.ok()) return prepared.status();
  const Backend& backend = serving.backend();
  if (!call.memory().TryGrow(HeldBytes(*prepared, message.stream(), backend.info))) {
    return serving.memory().Full();
  }
  call.tenant_permit() = std::move(prepared->tenant);
  Answer answer(prepared->generation, prepared->truncated_tokens, /*keep_tokens=*/true);
  if (!message.stream()) answer.ShowBest(prepared->generation.choices, Answer::Order::kNumber);
  prepared->generation.sink = &call.Add(
      std::move(answer), std::move(prepared->open),
      VllmEncoder(backend.info, {.stream = message.stream(),
                                 .log_probs = LogProbsAskedFor(message.sampling_params())}));
  SubmitOrFail(backend.worker, std::move(prepared->generation));
  call.Accept();
  return absl::OkStatus();
}

absl::Status StartEmbed(const Serving& serving, const MethodName& method, const Context& context,
                        const grpc::ByteBuffer& bytes, std::shared_ptr<Tenant> tenant,
                        EmbedCall& call) {
  engine_pb::EmbedRequest message;
  if (absl::Status status = Parse(bytes, message); !status.ok()) return status;
  const EmbeddingRequest request = ToEmbeddingRequest(message);
  absl::StatusOr<PreparedBatch> batch =
      AdmitBatch(serving, method, context, std::move(tenant), request, Violations(VllmFieldName));
  if (!batch.ok()) return batch.status();
  if (!call.memory().TryGrow(batch->held_bytes)) return serving.memory().Full();
  call.tenant_permit() = std::move(batch->tenant);
  GenerationRequest& generation = batch->parts.front().generation;
  Answer answer(generation, /*truncated_tokens=*/0, /*keep_tokens=*/false);
  answer.PoolHidden(HiddenPool(request.pooling, request.normalize));
  generation.sink = &call.Add(std::move(answer), std::move(batch->open), VllmEmbedEncoder());
  generation.permit = std::move(batch->places.front());
  SubmitOrFail(serving.backend().worker, std::move(generation));
  call.Accept();
  return absl::OkStatus();
}

}  // namespace

grpc::ServerWriteReactor<engine_pb::GenerateResponse>* BeginVllmGenerate(
    const Serving& serving, Context& context, const grpc::ByteBuffer& bytes) {
  static constexpr MethodName kMethod = {kVllmEngine, "Generate"};
  auto* call = new GenerateCall(kMethod, context, serving.environment());
  return Begin(serving, context, bytes, call,
               [&serving, &context, &bytes, call](std::shared_ptr<Tenant> tenant) {
                 return StartGenerate(serving, kMethod, context, bytes, std::move(tenant), *call);
               });
}

grpc::ServerUnaryReactor* BeginVllmEmbed(const Serving& serving, Context& context,
                                         const grpc::ByteBuffer& bytes,
                                         engine_pb::EmbedResponse& response) {
  static constexpr MethodName kMethod = {kVllmEngine, "Embed"};
  auto* call = new EmbedCall(kMethod, response, context, serving.environment());
  return Begin(serving, context, bytes, call,
               [&serving, &context, &bytes, call](std::shared_ptr<Tenant> tenant) {
                 return StartEmbed(serving, kMethod, context, bytes, std::move(tenant), *call);
               });
}

}  // namespace cascade::server
