// The service cascade.v1.TextGeneration.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cascade/v1/text_generation.grpc.pb.h"
#include "server/grpc/backend.h"
#include "server/grpc/call_environment.h"
#include "server/grpc/open_calls.h"
#include "server/grpc/outbox.h"
#include "server/grpc/preparation.h"

namespace cascade::server {

// Transport only: prepares a request, admits it, hands it to the worker. No method waits for
// anything.
//
// Every method says UNAVAILABLE until Serve and after StopServing. None throws: when memory runs
// out the call ends with RESOURCE_EXHAUSTED. (gRPC would make UNIMPLEMENTED of an exception.)
class TextGenerationService final : public v1::TextGeneration::CallbackService {
 public:
  // Borrows `calls`, which it registers generations with.
  explicit TextGenerationService(OpenCalls& calls) : calls_(calls) {}

  // From now on requests go to `backend`, which must outlive the gRPC server. Once, any thread.
  void Serve(const Backend& backend);

  // Refuses new requests from now on; those that were admitted go on. Any thread.
  void StopServing();

  grpc::ServerWriteReactor<v1::GenerateEvent>* GenerateStream(
      grpc::CallbackServerContext* context, const v1::GenerateRequest* request) override;

  grpc::ServerUnaryReactor* Generate(grpc::CallbackServerContext* context,
                                     const v1::GenerateRequest* request,
                                     v1::GenerateResponse* response) override;

  grpc::ServerUnaryReactor* Tokenize(grpc::CallbackServerContext* context,
                                     const v1::TokenizeRequest* request,
                                     v1::TokenizeResponse* response) override;

  grpc::ServerUnaryReactor* Detokenize(grpc::CallbackServerContext* context,
                                       const v1::DetokenizeRequest* request,
                                       v1::DetokenizeResponse* response) override;

  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::GetModelResponse* response) override;

 private:
  // The backend, or UNAVAILABLE.
  absl::StatusOr<const Backend*> Available() const;

  // A prepared request with its permits, or why not: then the call is already logged, and `context`
  // has what goes with the status.
  absl::StatusOr<PreparedRequest> Admit(absl::string_view method,
                                        grpc::CallbackServerContext& context,
                                        const v1::GenerateRequest& request) const;
  absl::StatusOr<PreparedRequest> TryAdmit(grpc::CallbackServerContext& context,
                                           const v1::GenerateRequest& request) const;

  OpenCalls& calls_;
  Outbox outbox_;
  std::optional<CallEnvironment> environment_;  // written before backend_
  std::atomic<const Backend*> backend_ = nullptr;
  std::atomic<bool> stopped_ = false;
};

}  // namespace cascade::server
