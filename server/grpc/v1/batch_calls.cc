// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/v1/batch_calls.h"

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/grpc/backend.h"
#include "server/grpc/call/server_stream.h"
#include "server/grpc/call/unary_call.h"
#include "server/grpc/request/admit.h"
#include "server/grpc/request/method.h"
#include "server/grpc/request/parse.h"
#include "server/grpc/serving.h"
#include "server/grpc/v1/embedding.h"
#include "server/grpc/v1/request.h"
#include "server/grpc/v1/scoring.h"

namespace cascade::server {
namespace {

using Context = grpc::CallbackServerContext;
using EmbedCall = UnaryCall<EmbedEncoder>;
using ScoreCall = ServerStream<ScoreEncoder>;

// Starts what was admitted as the generations of `call`, of which few run at a time. `answer_to`
// and `encoder_of` make what a part needs of these. REQUIRES: `batch` has a part.
template <typename Call, typename AnswerTo, typename EncoderOf>
absl::Status StartAll(const Serving& serving, PreparedBatch batch, Call& call, AnswerTo answer_to,
                      EncoderOf encoder_of) {
  if (!call.memory().TryGrow(batch.held_bytes)) return serving.memory().Full();
  call.tenant_permit() = std::move(batch.tenant);
  call.HoldPlaces(std::move(batch.places));
  std::vector<const Generation*> generations;
  generations.reserve(batch.parts.size());
  for (PreparedBatch::Part& part : batch.parts) {
    // The call is one answer, so one of its generations has the place.
    Generation& generation =
        call.Add(answer_to(part), std::exchange(batch.open, {}), encoder_of(part));
    generations.push_back(&generation);
    part.generation.sink = &generation;
    call.PutOff(std::move(part.generation), part.after ? generations[*part.after] : nullptr);
  }
  call.SubmitFirst();
  call.Accept();
  return absl::OkStatus();
}

absl::Status StartEmbed(const Serving& serving, const MethodName& method, const Context& context,
                        const grpc::ByteBuffer& bytes, std::shared_ptr<Tenant> tenant,
                        EmbedCall& call) {
  v1::EmbedRequest message;
  if (absl::Status status = Parse(bytes, message); !status.ok()) return status;
  Violations violations(V1FieldName);
  const EmbeddingRequest request = ToEmbeddingRequest(message, violations);
  absl::StatusOr<PreparedBatch> batch =
      AdmitBatch(serving, method, context, std::move(tenant), request, std::move(violations));
  if (!batch.ok()) return batch.status();
  const auto answer_to = [&request](const PreparedBatch::Part& part) {
    Answer answer(part.generation, part.truncated_tokens, /*keep_tokens=*/false);
    answer.PoolHidden(HiddenPool(request.pooling, request.normalize));
    return answer;
  };
  const auto encoder_of = [&serving](const PreparedBatch::Part& /*part*/) {
    return EmbedEncoder(serving.backend().info);
  };
  return StartAll(serving, *std::move(batch), call, answer_to, encoder_of);
}

absl::Status StartScore(const Serving& serving, const MethodName& method, const Context& context,
                        const grpc::ByteBuffer& bytes, std::shared_ptr<Tenant> tenant,
                        ScoreCall& call) {
  v1::ScoreRequest message;
  if (absl::Status status = Parse(bytes, message); !status.ok()) return status;
  absl::StatusOr<PreparedBatch> batch =
      AdmitBatch(serving, method, context, std::move(tenant), ToScoringRequest(message),
                 Violations(V1FieldName));
  if (!batch.ok()) return batch.status();
  const Backend& backend = serving.backend();
  const auto progress =
      std::make_shared<ScoreProgress>(ScoreProgress{.tokenizer = backend.tokenizer,
                                                    .info = backend.info,
                                                    .logprobs = message.logprobs(),
                                                    .left = batch->parts.size()});
  const auto answer_to = [&message](const PreparedBatch::Part& part) {
    Answer answer(part.generation, /*truncated_tokens=*/0, /*keep_tokens=*/false);
    if (!message.logprobs()) answer.KeepScoreOnly();
    return answer;
  };
  const auto encoder_of = [&progress](const PreparedBatch::Part& part) {
    return ScoreEncoder(progress, part.item, part.continuation);
  };
  return StartAll(serving, *std::move(batch), call, answer_to, encoder_of);
}

}  // namespace

grpc::ServerUnaryReactor* BeginEmbed(const Serving& serving, Context& context,
                                     const grpc::ByteBuffer& bytes, v1::EmbedResponse& response) {
  static constexpr MethodName kMethod = {kTextGeneration, "Embed"};
  auto* call = new EmbedCall(kMethod, response, context, serving.environment());
  return Begin(serving, context, bytes, call,
               [&serving, &context, &bytes, call](std::shared_ptr<Tenant> tenant) {
                 return StartEmbed(serving, kMethod, context, bytes, std::move(tenant), *call);
               });
}

grpc::ServerWriteReactor<v1::ScoreEvent>* BeginScore(const Serving& serving, Context& context,
                                                     const grpc::ByteBuffer& bytes) {
  static constexpr MethodName kMethod = {kTextGeneration, "Score"};
  auto* call = new ScoreCall(kMethod, context, serving.environment());
  return Begin(serving, context, bytes, call,
               [&serving, &context, &bytes, call](std::shared_ptr<Tenant> tenant) {
                 return StartScore(serving, kMethod, context, bytes, std::move(tenant), *call);
               });
}

}  // namespace cascade::server
