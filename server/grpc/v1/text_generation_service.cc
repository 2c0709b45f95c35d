// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/v1/text_generation_service.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/utf8_stream.h"
#include "server/engine/exception_status.h"
#include "server/grpc/backend.h"
#include "server/grpc/call/answer_at_once.h"
#include "server/grpc/call/server_stream.h"
#include "server/grpc/call/unary_call.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/admit.h"
#include "server/grpc/serving.h"
#include "server/grpc/v1/model.h"
#include "server/grpc/v1/request.h"
#include "server/grpc/v1/response.h"

namespace cascade::server {
namespace {

// Admits the request of `message` and starts it as the one generation of `call`, or says why not.
// Streams and unary calls differ in `make_call` alone, which makes the reactor.
template <typename MakeCall>
auto Start(const Serving& serving, absl::string_view method, grpc::CallbackServerContext& context,
           const v1::GenerateRequest& message, MakeCall make_call)
    -> absl::StatusOr<decltype(make_call().release())> {
  try {
    Violations violations(V1FieldName);
    const TextRequest request = ToTextRequest(message, violations);
    absl::StatusOr<PreparedRequest> prepared =
        Admit(serving, method, context, request, std::move(violations));
    if (!prepared.ok()) return prepared.status();
    const Backend& backend = serving.backend();
    auto call = make_call();
    const v1::ResponseOptions& report = message.response();
    prepared->generation.sink = &call->Add(
        Answer(prepared->generation, prepared->truncated_tokens,
               /*keep_tokens=*/report.token_ids() || report.logprobs()),
        std::move(prepared->open), V1Encoder(backend.tokenizer, backend.info, report.token_ids()));
    SubmitOrFail(backend.worker, std::move(prepared->generation));
    call->Accept();
    return call.release();  // deletes itself
  } catch (...) {
    return StatusOfException("the request was read");
  }
}

absl::StatusOr<std::vector<model::TokenId>> Encode(const v1::TokenizeRequest& request,
                                                   const model::Tokenizer& tokenizer) {
  return tokenizer.Encode(request.text(), request.parse_special_tokens()
                                              ? model::SpecialTokens::kAsToken
                                              : model::SpecialTokens::kAsText);
}

void FillResponse(const std::vector<model::TokenId>& ids, bool pieces,
                  const model::Tokenizer& tokenizer, v1::TokenizeResponse& response) {
  response.mutable_token_ids()->Assign(ids.begin(), ids.end());
  if (!pieces) return;
  for (const model::TokenId id : ids) response.add_pieces(std::string(tokenizer.Bytes(id)));
}

void FillResponse(const v1::DetokenizeRequest& request, const model::Tokenizer& tokenizer,
                  v1::DetokenizeResponse& response) {
  const std::vector<model::TokenId> ids(request.token_ids().begin(), request.token_ids().end());
  response.set_raw(tokenizer.Decode(ids));
  model::Utf8Stream utf8;
  response.set_text(utf8.Push(response.raw()));
  response.mutable_text()->append(utf8.Flush());
}

}  // namespace

grpc::ServerWriteReactor<v1::GenerateEvent>* TextGenerationService::GenerateStream(
    grpc::CallbackServerContext* context, const v1::GenerateRequest* request) {
  static constexpr absl::string_view kMethod = "GenerateStream";
  const auto call = Start(serving_, kMethod, *context, *request, [this, context] {
    return std::make_unique<ServerStream<V1Encoder>>(kMethod, *context, serving_.environment());
  });
  if (!call.ok()) return new RefusedStream<v1::GenerateEvent>(call.status());  // deletes itself
  return *call;
}

grpc::ServerUnaryReactor* TextGenerationService::Generate(grpc::CallbackServerContext* context,
                                                          const v1::GenerateRequest* request,
                                                          v1::GenerateResponse* response) {
  static constexpr absl::string_view kMethod = "Generate";
  const auto call = Start(serving_, kMethod, *context, *request, [this, context, response] {
    return std::make_unique<UnaryCall<V1Encoder>>(kMethod, *response, *context,
                                                  serving_.environment());
  });
  if (!call.ok()) return AnswerAtOnce(*context, [&call] { return call.status(); });
  return *call;
}

grpc::ServerUnaryReactor* TextGenerationService::Tokenize(grpc::CallbackServerContext* context,
                                                          const v1::TokenizeRequest* request,
                                                          v1::TokenizeResponse* response) {
  return AnswerAtOnce(*context, [&]() -> absl::Status {
    const absl::StatusOr<const Backend*> backend = serving_.Available();
    if (!backend.ok()) return backend.status();
    if (absl::Status status = Validate(*request); !status.ok()) return status;
    const model::Tokenizer& tokenizer = (*backend)->tokenizer;
    const absl::StatusOr<std::vector<model::TokenId>> ids = Encode(*request, tokenizer);
    if (ids.ok()) FillResponse(*ids, request->pieces(), tokenizer, *response);
    return ids.status();
  });
}

grpc::ServerUnaryReactor* TextGenerationService::Detokenize(grpc::CallbackServerContext* context,
                                                            const v1::DetokenizeRequest* request,
                                                            v1::DetokenizeResponse* response) {
  return AnswerAtOnce(*context, [&]() -> absl::Status {
    const absl::StatusOr<const Backend*> backend = serving_.Available();
    if (!backend.ok()) return backend.status();
    absl::Status status = Validate(*request, (*backend)->info, (*backend)->tokenizer);
    if (status.ok()) FillResponse(*request, (*backend)->tokenizer, *response);
    return status;
  });
}

grpc::ServerUnaryReactor* TextGenerationService::GetModel(grpc::CallbackServerContext* context,
                                                          const v1::GetModelRequest* /*request*/,
                                                          v1::GetModelResponse* response) {
  return AnswerAtOnce(*context, [&]() -> absl::Status {
    const absl::StatusOr<const Backend*> backend = serving_.Available();
    if (backend.ok()) *response = ToProto((*backend)->info);
    return backend.status();
  });
}

}  // namespace cascade::server
