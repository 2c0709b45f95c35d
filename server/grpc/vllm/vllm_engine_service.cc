// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/vllm/vllm_engine_service.h"

#include <atomic>
#include <memory>
#include <string>

#include "server/engine/clock.h"
#include "server/engine/worker.h"
#include "server/grpc/backend.h"
#include "server/grpc/call/short_call.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/caller_of.h"
#include "server/grpc/request/handlers.h"
#include "server/grpc/request/method.h"
#include "server/grpc/serving.h"
#include "server/grpc/vllm/generate.h"
#include "server/grpc/vllm/info.h"
#include "server/grpc/vllm/kv_event_feed.h"
#include "server/grpc/vllm/messages.h"
#include "server/grpc/vllm/request.h"
#include "server/grpc/vllm/time_of_day.h"
#include "server/grpc/vllm/tokenizer_stream.h"

namespace cascade::server {
namespace {

using Context = grpc::CallbackServerContext;
using grpc::ByteBuffer;

MethodName Method(absl::string_view name) { return {.service = kVllmEngine, .method = name}; }

// Tells who asks even while the server drains. While the model is loading it is UNAVAILABLE, as an
// engine that has not begun to listen: a gateway takes an engine that answers for one that can tell
// its model, asks for it once, and would serve it under no name for good.
grpc::ServerUnaryReactor* BeginHealthCheck(const Serving& serving, Context& context,
                                           const ByteBuffer& bytes,
                                           engine_pb::HealthCheckResponse& response) {
  auto* call = new ShortCall(Method("HealthCheck"), context, serving.environment());
  return Begin(serving, context, bytes, call,
               [&serving, &response, call](const std::shared_ptr<Tenant>&) -> absl::Status {
                 const absl::Status available = serving.Available().status();
                 if (serving.model() == nullptr) return available;
                 response.set_healthy(available.ok());
                 response.set_message(std::string(available.message()));
                 call->Accept();
                 return absl::OkStatus();
               });
}

absl::Status AnswerAbort(const Asking& asking, const engine_pb::AbortRequest& request,
                         engine_pb::AbortResponse& /*response*/) {
  if (absl::Status status = Validate(request); !status.ok()) return status;
  const CallEnvironment& environment = asking.serving.environment();
  const std::string owner = OwnerOf(asking.tenant, asking.context.peer());
  std::size_t ended = 0;
  for (const std::string& id : request.request_ids()) {
    ended += environment.generations.Cancel(owner, id);
  }
  if (ended > 0) environment.wake_worker();
  return absl::OkStatus();
}

absl::Status AnswerGetModelInfo(const Asking& asking,
                                const engine_pb::GetModelInfoRequest& /*request*/,
                                engine_pb::GetModelInfoResponse& response) {
  response = ToModelInfo(asking.backend.info);
  return absl::OkStatus();
}

absl::Status AnswerGetLoads(const Asking& asking, const engine_pb::GetLoadsRequest& request,
                            engine_pb::GetLoadsResponse& response) {
  response = ToLoads(request, asking.backend.info, asking.backend.worker.stats());
  return absl::OkStatus();
}

absl::Status AnswerFlushCache(const Asking& asking, const common_pb::FlushCacheRequest& /*request*/,
                              common_pb::FlushCacheResponse& response) {
  if (asking.tenant != nullptr) {
    return absl::PermissionDeniedError(
        "the prefix cache is not one caller's: a server with --callers_file lets none empty it");
  }
  asking.backend.worker.ForgetPrefixes();
  response.set_success(true);
  response.set_message("the prefix cache is empty before the next request starts");
  return absl::OkStatus();
}

template <typename Request>
absl::Status RefuseToProfile(const Asking& /*asking*/, const Request& /*request*/,
                             common_pb::ProfileResponse& /*response*/) {
  return absl::UnimplementedError(
      "this server does not profile itself: its metrics tell where the time of requests goes, and "
      "perf, or any other profiler of processes, where that of its code does");
}

}  // namespace

VllmEngineService::VllmEngineService(const Serving& serving) {
  const auto mark = [this](absl::string_view name, grpc::internal::MethodHandler* handler) {
    MarkMethodCallback(MethodIndex(*engine_pb::GenerateRequest::descriptor()->file(), name),
                       handler);
  };
  const auto mark_short = [&](absl::string_view name, auto answer) {
    mark(name, ShortHandlerOf(serving, Method(name), answer));
  };
  const auto received = std::make_shared<std::atomic<double>>(0.0);
  mark("Generate", StreamHandler<engine_pb::GenerateResponse>(
                       [&serving, received](Context& context, const ByteBuffer& bytes) {
                         received->store(SecondsSince1970());
                         return BeginVllmGenerate(serving, context, bytes);
                       }));
  mark("Embed", UnaryHandler<engine_pb::EmbedResponse>(
                    [&serving, received](Context& context, const ByteBuffer& bytes,
                                         engine_pb::EmbedResponse& response) {
                      received->store(SecondsSince1970());
                      return BeginVllmEmbed(serving, context, bytes, response);
                    }));
  mark("HealthCheck", UnaryHandler<engine_pb::HealthCheckResponse>(
                          [&serving](Context& context, const ByteBuffer& bytes,
                                     engine_pb::HealthCheckResponse& response) {
                            return BeginHealthCheck(serving, context, bytes, response);
                          }));
  mark("GetServerInfo",
       ShortHandler<engine_pb::GetServerInfoRequest, engine_pb::GetServerInfoResponse>(
           serving, Method("GetServerInfo"),
           [received, begun = MonotonicNow()](const Asking& asking, const auto& /*request*/,
                                              engine_pb::GetServerInfoResponse& response) {
             response = ToServerInfo(asking.backend.info, asking.backend.worker.stats(),
                                     MonotonicNow() - begun, received->load());
             return absl::OkStatus();
           }));
  const auto tokenizer = std::make_shared<TokenizerSender>(serving);
  mark("GetTokenizer", StreamHandler<common_pb::GetTokenizerChunk>(
                           [tokenizer](Context& context, const ByteBuffer& bytes) {
                             return tokenizer->Begin(context, bytes);
                           }));
  const auto kv_events = std::make_shared<KvEventFeed>(serving);
  mark("SubscribeKvEvents", StreamHandler<common_pb::KvEventBatch>(
                                [kv_events](Context& context, const ByteBuffer& bytes) {
                                  return kv_events->Begin(context, bytes);
                                }));
  mark_short("Abort", AnswerAbort);
  mark_short("FlushCache", AnswerFlushCache);
  mark_short("GetModelInfo", AnswerGetModelInfo);
  mark_short("GetLoads", AnswerGetLoads);
  mark_short("StartProfile", RefuseToProfile<common_pb::StartProfileRequest>);
  mark_short("StopProfile", RefuseToProfile<common_pb::StopProfileRequest>);
}

}  // namespace cascade::server
