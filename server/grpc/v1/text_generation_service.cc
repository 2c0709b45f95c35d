// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/v1/text_generation_service.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/utf8_stream.h"
#include "server/engine/worker.h"
#include "server/grpc/backend.h"
#include "server/grpc/call/server_stream.h"
#include "server/grpc/call/unary_call.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/admit.h"
#include "server/grpc/request/caller_of.h"
#include "server/grpc/request/handlers.h"
#include "server/grpc/request/method.h"
#include "server/grpc/request/parse.h"
#include "server/grpc/serving.h"
#include "server/grpc/v1/batch_calls.h"
#include "server/grpc/v1/model.h"
#include "server/grpc/v1/request.h"
#include "server/grpc/v1/response.h"
#include "server/grpc/v1/status.h"

namespace cascade::server {
namespace {

using Context = grpc::CallbackServerContext;

using Stream = ServerStream<V1Encoder>;
using Unary = UnaryCall<V1Encoder>;

// The most that a call holds of its answer: a stream's is gathered and in flight, a unary call's is
// all there at the end, and so is one of which only the best choices are told.
std::size_t HeldAnswerBytes(const Stream& /*call*/, std::size_t answer_bytes, bool shows_best) {
  return shows_best ? ResponseBytes(answer_bytes) : 2 * std::min(answer_bytes, kMaxUnsent.bytes);
}
std::size_t HeldAnswerBytes(const Unary& /*call*/, std::size_t answer_bytes, bool /*shows_best*/) {
  return ResponseBytes(answer_bytes);
}

// How the answers that are told are the best; nothing if all are told.
std::optional<Answer::Order> OrderOfBest(const v1::GenerateRequest& request) {
  if (request.has_beam_search()) return Answer::Order::kNumber;
  const v1::BestOf& best_of = request.sampling().best_of();
  if (best_of.choices() == 0) return std::nullopt;
  return best_of.order() == v1::BestOf::ORDER_TOTAL ? Answer::Order::kTotal : Answer::Order::kMean;
}

// Admits the request of `bytes` and starts it as the one generation of `call`, or says why not.
template <typename Call>
absl::Status Start(const Serving& serving, const MethodName& method, const Context& context,
                   const grpc::ByteBuffer& bytes, std::shared_ptr<Tenant> tenant, Call& call) {
  v1::GenerateRequest message;
  if (absl::Status status = Parse(bytes, message); !status.ok()) return status;
  Violations violations(V1FieldName);
  TextRequest request = ToTextRequest(message, violations);
  absl::StatusOr<PreparedRequest> prepared =
      Admit(serving, method, context, std::move(tenant), std::move(request), std::move(violations));
  if (!prepared.ok()) return prepared.status();
  // The prompt's log-probabilities are gathered, and then one message, in every kind of call.
  const std::optional<Answer::Order> best = OrderOfBest(message);
  if (!call.memory().TryGrow(HeldAnswerBytes(call, prepared->answer_bytes, best.has_value()) +
                             2 * prepared->prompt_bytes + prepared->state_bytes)) {
    return serving.memory().Full();
  }
  call.tenant_permit() = std::move(prepared->tenant);
  const Backend& backend = serving.backend();
  const v1::ResponseOptions& report = message.response();
  Answer answer(prepared->generation, prepared->truncated_tokens,
                /*keep_tokens=*/report.token_ids() || report.logprobs());
  if (best) answer.ShowBest(std::max(message.sampling().n(), 1U), *best);
  prepared->generation.sink =
      &call.Add(std::move(answer), std::move(prepared->open),
                V1Encoder(backend.tokenizer, backend.info,
                          {.token_ids = report.token_ids(),
                           .log_probs = report.logprobs(),
                           .bytes = report.bytes(),
                           .interval = std::max(report.stream_interval(), 1U),
                           .prompt_text = std::move(prepared->prompt_text)}));
  SubmitOrFail(backend.worker, std::move(prepared->generation));
  call.Accept();
  return absl::OkStatus();
}

// What the methods that generate do with a call that was just created for them.
template <typename Call>
Call* BeginGeneration(const Serving& serving, const MethodName& method, const Context& context,
                      const grpc::ByteBuffer& bytes, Call* call) {
  return Begin(serving, context, bytes, call,
               [&serving, &method, &context, &bytes, call](std::shared_ptr<Tenant> tenant) {
                 return Start(serving, method, context, bytes, std::move(tenant), *call);
               });
}

Stream* BeginStream(const Serving& serving, Context& context, const grpc::ByteBuffer& bytes) {
  static constexpr MethodName kMethod = {kTextGeneration, "GenerateStream"};
  return BeginGeneration(serving, kMethod, context, bytes,
                         new Stream(kMethod, context, serving.environment()));
}

Unary* BeginUnary(const Serving& serving, Context& context, const grpc::ByteBuffer& bytes,
                  v1::GenerateResponse& response) {
  static constexpr MethodName kMethod = {kTextGeneration, "Generate"};
  return BeginGeneration(serving, kMethod, context, bytes,
                         new Unary(kMethod, response, context, serving.environment()));
}

absl::Status AnswerTokenize(const Asking& asking, const v1::TokenizeRequest& request,
                            v1::TokenizeResponse& response) {
  if (absl::Status status = Validate(request); !status.ok()) return status;
  const model::Tokenizer& tokenizer = asking.backend.tokenizer;
  const absl::StatusOr<std::vector<model::TokenId>> ids = tokenizer.Encode(
      request.text(), request.parse_special_tokens() ? model::SpecialTokens::kAsToken
                                                     : model::SpecialTokens::kAsText);
  if (!ids.ok()) return ids.status();
  response.mutable_token_ids()->Assign(ids->begin(), ids->end());
  if (!request.pieces()) return absl::OkStatus();
  for (const model::TokenId id : *ids) response.add_pieces(std::string(tokenizer.Bytes(id)));
  return absl::OkStatus();
}

absl::Status AnswerDetokenize(const Asking& asking, const v1::DetokenizeRequest& request,
                              v1::DetokenizeResponse& response) {
  const Backend& backend = asking.backend;
  if (absl::Status status = Validate(request, backend.info, backend.tokenizer); !status.ok()) {
    return status;
  }
  if (!backend.info.has_tokenizer) {
    return absl::FailedPreconditionError(
        "this server has no tokenizer (--tokenizer=none): it gives token ids, not text");
  }
  const std::vector<model::TokenId> ids(request.token_ids().begin(), request.token_ids().end());
  response.set_raw(backend.tokenizer.Decode(ids));
  model::Utf8Stream utf8;
  response.set_text(utf8.Push(response.raw()));
  response.mutable_text()->append(utf8.Flush());
  return absl::OkStatus();
}

absl::Status AnswerGetModel(const Asking& asking, const v1::GetModelRequest& /*request*/,
                            v1::GetModelResponse& response) {
  response = ToProto(asking.backend.info);
  return absl::OkStatus();
}

absl::Status AnswerGetStatus(const Asking& asking, const v1::GetStatusRequest& /*request*/,
                             v1::GetStatusResponse& response) {
  const Worker& worker = asking.backend.worker;
  response = ToProto(worker.stats(), worker.RetryAfter());
  return absl::OkStatus();
}

absl::Status AnswerAbort(const Asking& asking, const v1::AbortRequest& request,
                         v1::AbortResponse& response) {
  if (absl::Status status = Validate(request); !status.ok()) return status;
  const CallEnvironment& environment = asking.serving.environment();
  const std::string owner = OwnerOf(asking.tenant, asking.context.peer());
  for (const std::string& id : request.request_ids()) {
    if (environment.generations.Cancel(owner, id) > 0) response.add_request_ids(id);
  }
  if (response.request_ids_size() > 0) environment.wake_worker();
  return absl::OkStatus();
}

}  // namespace

TextGenerationService::TextGenerationService(const Serving& serving) {
  const auto mark = [this](absl::string_view name, grpc::internal::MethodHandler* handler) {
    MarkMethodCallback(MethodIndex(*v1::GenerateRequest::descriptor()->file(), name), handler);
  };
  const auto mark_short = [&](absl::string_view name, auto answer) {
    mark(name, ShortHandlerOf(serving, {kTextGeneration, name}, answer));
  };
  mark("GenerateStream", StreamHandler<v1::GenerateEvent>(
                             [&serving](Context& context, const grpc::ByteBuffer& bytes) {
                               return BeginStream(serving, context, bytes);
                             }));
  mark("Generate", UnaryHandler<v1::GenerateResponse>([&serving](Context& context,
                                                                 const grpc::ByteBuffer& bytes,
                                                                 v1::GenerateResponse& response) {
         return BeginUnary(serving, context, bytes, response);
       }));
  mark("Embed",
       UnaryHandler<v1::EmbedResponse>([&serving](Context& context, const grpc::ByteBuffer& bytes,
                                                  v1::EmbedResponse& response) {
         return BeginEmbed(serving, context, bytes, response);
       }));
  mark("Score",
       StreamHandler<v1::ScoreEvent>([&serving](Context& context, const grpc::ByteBuffer& bytes) {
         return BeginScore(serving, context, bytes);
       }));
  mark_short("Tokenize", AnswerTokenize);
  mark_short("Detokenize", AnswerDetokenize);
  mark_short("GetModel", AnswerGetModel);
  mark_short("GetStatus", AnswerGetStatus);
  mark_short("Abort", AnswerAbort);
}

}  // namespace cascade::server
