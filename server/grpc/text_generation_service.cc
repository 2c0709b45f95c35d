#include "server/grpc/text_generation_service.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
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

absl::Time Deadline(const grpc::CallbackServerContext& context) {
  const std::chrono::system_clock::time_point deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::InfiniteFuture();
  return absl::FromChrono(deadline);
}

// Ends a call at once with what `answer` returns, or with what it throws.
grpc::ServerUnaryReactor* Answered(grpc::CallbackServerContext& context,
                                   absl::FunctionRef<absl::Status()> answer) {
  absl::Status status;
  try {
    status = answer();
  } catch (...) {
    status = StatusOfHandlerException();
  }
  grpc::ServerUnaryReactor* reactor = context.DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

absl::Status Busy(const Worker& worker, const std::string& message) {
  return WithRetryDelay(absl::ResourceExhaustedError(message), worker.RetryAfter());
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

void TextGenerationService::Serve(const Backend& backend) {
  environment_.emplace(
      CallEnvironment{.outbox = outbox_,
                      .calls = calls_,
                      .wake_worker = [&worker = backend.worker] { worker.Wake(); },
                      .retry_after = [&worker = backend.worker] { return worker.RetryAfter(); },
                      .stalled_reader_limit = backend.info.stalled_reader_limit});
  backend_.store(&backend);
}

void TextGenerationService::StopServing() { stopped_.store(true); }

absl::StatusOr<const Backend*> TextGenerationService::Available() const {
  if (stopped_.load()) return absl::UnavailableError("the server is shutting down");
  const Backend* backend = backend_.load();
  if (backend == nullptr) return absl::UnavailableError("the model is still loading");
  return backend;
}

// What costs least comes first: a refusal under load must be cheap, and tokenising is not.
absl::StatusOr<PreparedRequest> TextGenerationService::TryAdmit(
    grpc::CallbackServerContext& context, const v1::GenerateRequest& request) const {
  const absl::StatusOr<const Backend*> available = Available();
  if (!available.ok()) return available.status();
  const Backend& backend = **available;
  if (absl::Status status = Validate(request, backend.info); !status.ok()) return status;
  Admission::Permit open = backend.open_generations.TryEnter();
  if (!open) {
    return Busy(backend.worker,
                absl::StrCat("the server is full: ", backend.open_generations.limit(),
                             " answers are being made or have not been read to their ends, twice "
                             "what --max_running and --max_queued allow together"));
  }
  Admission::Permit permit = backend.admission.TryEnter();
  if (!permit) {
    return Busy(backend.worker,
                absl::StrCat("the server is full: ", backend.admission.limit(),
                             " requests run or wait, --max_running=", backend.info.max_running,
                             " and --max_queued=", backend.info.max_queued, " together"));
  }
  absl::StatusOr<PreparedRequest> prepared =
      Prepare(request, Deadline(context), backend.info, backend.tokenizer);
  if (!prepared.ok()) return prepared;
  prepared->generation.permit = std::move(permit);
  prepared->open = std::move(open);
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
  try {
    absl::StatusOr<PreparedRequest> prepared = Admit("GenerateStream", *context, *request);
    if (!prepared.ok()) return new RefusedStream(prepared.status());  // deletes itself
    const Backend& backend = *backend_.load();
    auto reactor =
        std::make_unique<GenerateReactor>(Answer(*prepared, backend.info, backend.tokenizer),
                                          std::move(prepared->open), *context, *environment_);
    prepared->generation.sink = reactor.get();
    backend.worker.Submit(std::move(prepared->generation));
    reactor->Accept();
    return reactor.release();  // deletes itself
  } catch (...) {
    return new RefusedStream(StatusOfHandlerException());
  }
}

grpc::ServerUnaryReactor* TextGenerationService::Generate(grpc::CallbackServerContext* context,
                                                          const v1::GenerateRequest* request,
                                                          v1::GenerateResponse* response) {
  std::unique_ptr<GenerateUnaryReactor> reactor;
  const auto start = [&]() -> absl::Status {
    absl::StatusOr<PreparedRequest> prepared = Admit("Generate", *context, *request);
    if (!prepared.ok()) return prepared.status();
    const Backend& backend = *backend_.load();
    reactor = std::make_unique<GenerateUnaryReactor>(
        Answer(*prepared, backend.info, backend.tokenizer), std::move(prepared->open), *response,
        *context, *environment_);
    prepared->generation.sink = reactor.get();
    backend.worker.Submit(std::move(prepared->generation));
    return absl::OkStatus();
  };
  absl::Status status;
  try {
    status = start();
  } catch (...) {
    status = StatusOfHandlerException();
  }
  if (!status.ok()) return Answered(*context, [&status] { return status; });
  return reactor.release();  // deletes itself
}

grpc::ServerUnaryReactor* TextGenerationService::Tokenize(grpc::CallbackServerContext* context,
                                                          const v1::TokenizeRequest* request,
                                                          v1::TokenizeResponse* response) {
  return Answered(*context, [&]() -> absl::Status {
    const absl::StatusOr<const Backend*> backend = Available();
    if (!backend.ok()) return backend.status();
    if (absl::Status status = Validate(*request); !status.ok()) return status;
    return FillResponse(*request, (*backend)->tokenizer, *response);
  });
}

grpc::ServerUnaryReactor* TextGenerationService::Detokenize(grpc::CallbackServerContext* context,
                                                            const v1::DetokenizeRequest* request,
                                                            v1::DetokenizeResponse* response) {
  return Answered(*context, [&]() -> absl::Status {
    const absl::StatusOr<const Backend*> backend = Available();
    if (!backend.ok()) return backend.status();
    absl::Status status = Validate(*request, (*backend)->info, (*backend)->tokenizer);
    if (status.ok()) FillResponse(*request, (*backend)->tokenizer, *response);
    return status;
  });
}

grpc::ServerUnaryReactor* TextGenerationService::GetModel(grpc::CallbackServerContext* context,
                                                          const v1::GetModelRequest* /*request*/,
                                                          v1::GetModelResponse* response) {
  return Answered(*context, [&]() -> absl::Status {
    const absl::StatusOr<const Backend*> backend = Available();
    if (backend.ok()) *response = ToProto((*backend)->info);
    return backend.status();
  });
}

}  // namespace cascade::server
