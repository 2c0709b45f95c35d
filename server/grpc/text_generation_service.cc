#include "server/grpc/text_generation_service.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "model/tokenizer/utf8_stream.h"
#include "server/grpc/answer.h"
#include "server/grpc/conversions.h"
#include "server/grpc/generate_reactor.h"
#include "server/grpc/generate_unary_reactor.h"
#include "server/grpc/request_log.h"
#include "server/grpc/status.h"
#include "server/grpc/validation.h"

namespace cascade::server {
namespace {

// How long a client that was refused for lack of a place should wait.
constexpr absl::Duration kRetryDelay = absl::Seconds(1);

absl::Time Deadline(const grpc::CallbackServerContext& context) {
  const std::chrono::system_clock::time_point deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::InfiniteFuture();
  return absl::FromChrono(deadline);
}

grpc::ServerUnaryReactor* Ended(grpc::CallbackServerContext& context, const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context.DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

absl::Status FillResponse(const v1::TokenizeRequest& request, const model::Tokenizer& tokenizer,
                          v1::TokenizeResponse& response) {
  const absl::StatusOr<std::vector<model::TokenId>> ids =
      tokenizer.Encode(request.text(), ToSpecialTokens(request.parse_special_tokens()));
  if (!ids.ok()) return ids.status();
  response.mutable_token_ids()->Assign(ids->begin(), ids->end());
  if (!request.pieces()) return absl::OkStatus();
  for (const model::TokenId id : *ids) response.add_pieces(std::string(tokenizer.Bytes(id)));
  return absl::OkStatus();
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

void TextGenerationService::Serve(const Backend& backend) { backend_.store(&backend); }

void TextGenerationService::StopServing() { stopped_.store(true); }

absl::StatusOr<const Backend*> TextGenerationService::Available() const {
  if (stopped_.load()) return absl::UnavailableError("the server is shutting down");
  const Backend* backend = backend_.load();
  if (backend == nullptr) return absl::UnavailableError("the model is still loading");
  return backend;
}

absl::StatusOr<PreparedRequest> TextGenerationService::TryAdmit(
    grpc::CallbackServerContext& context, const v1::GenerateRequest& request) const {
  const absl::StatusOr<const Backend*> backend = Available();
  if (!backend.ok()) return backend.status();
  absl::StatusOr<PreparedRequest> prepared =
      Prepare(request, Deadline(context), (*backend)->info, (*backend)->tokenizer);
  if (!prepared.ok()) return prepared;
  prepared->generation.permit = (*backend)->admission.TryEnter();
  if (!prepared->generation.permit) return BusyError("the queue is full", kRetryDelay);
  return prepared;
}

absl::StatusOr<PreparedRequest> TextGenerationService::Admit(
    absl::string_view method, grpc::CallbackServerContext& context,
    const v1::GenerateRequest& request) const {
  absl::StatusOr<PreparedRequest> prepared = TryAdmit(context, request);
  if (!prepared.ok()) {
    LogRefused(method, request.request_id(), prepared.status());
    AddRetryPushback(prepared.status(), context);
  }
  return prepared;
}

grpc::ServerWriteReactor<v1::GenerateEvent>* TextGenerationService::GenerateStream(
    grpc::CallbackServerContext* context, const v1::GenerateRequest* request) {
  absl::StatusOr<PreparedRequest> prepared = Admit("GenerateStream", *context, *request);
  if (!prepared.ok()) return new RefusedStream(prepared.status());  // deletes itself
  const Backend& backend = *backend_.load();
  auto* reactor =
      new GenerateReactor(Answer(*prepared, backend.info, backend.tokenizer), outbox_, calls_);
  prepared->generation.sink = reactor;
  reactor->Begin();
  backend.worker.Submit(std::move(prepared->generation));
  return reactor;
}

grpc::ServerUnaryReactor* TextGenerationService::Generate(grpc::CallbackServerContext* context,
                                                          const v1::GenerateRequest* request,
                                                          v1::GenerateResponse* response) {
  absl::StatusOr<PreparedRequest> prepared = Admit("Generate", *context, *request);
  if (!prepared.ok()) return Ended(*context, prepared.status());
  const Backend& backend = *backend_.load();
  auto* reactor = new GenerateUnaryReactor(Answer(*prepared, backend.info, backend.tokenizer),
                                           *response, outbox_, calls_);
  prepared->generation.sink = reactor;
  backend.worker.Submit(std::move(prepared->generation));
  return reactor;
}

grpc::ServerUnaryReactor* TextGenerationService::Tokenize(grpc::CallbackServerContext* context,
                                                          const v1::TokenizeRequest* request,
                                                          v1::TokenizeResponse* response) {
  const absl::StatusOr<const Backend*> backend = Available();
  absl::Status status = backend.status();
  if (status.ok()) status = Validate(*request);
  if (status.ok()) status = FillResponse(*request, (*backend)->tokenizer, *response);
  return Ended(*context, status);
}

grpc::ServerUnaryReactor* TextGenerationService::Detokenize(grpc::CallbackServerContext* context,
                                                            const v1::DetokenizeRequest* request,
                                                            v1::DetokenizeResponse* response) {
  const absl::StatusOr<const Backend*> backend = Available();
  absl::Status status = backend.status();
  if (status.ok()) status = Validate(*request, (*backend)->info, (*backend)->tokenizer);
  if (status.ok()) FillResponse(*request, (*backend)->tokenizer, *response);
  return Ended(*context, status);
}

grpc::ServerUnaryReactor* TextGenerationService::GetModel(grpc::CallbackServerContext* context,
                                                          const v1::GetModelRequest* /*request*/,
                                                          v1::GetModelResponse* response) {
  const absl::StatusOr<const Backend*> backend = Available();
  if (backend.ok()) *response = ToProto((*backend)->info);
  return Ended(*context, backend.status());
}

}  // namespace cascade::server
