// SPDX-License-Identifier: Apache-2.0
// Calls of VllmEngine, as its clients make them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/client_context.h"
#include "tests/server/served.h"
#include "vllm/grpc/engine/vllm_engine.grpc.pb.h"

namespace cascade::testing {

namespace engine_pb = ::vllm::grpc::engine;
namespace common_pb = ::smg::grpc::common;

using VllmStub = engine_pb::VllmEngine::Stub;

inline std::unique_ptr<VllmStub> NewVllmStub(const Served& served) {
  return engine_pb::VllmEngine::NewStub(served.NewChannel());
}

// "Once upon a time", and `max_tokens` greedy tokens, whatever they are.
inline engine_pb::GenerateRequest VllmRequest(std::uint32_t max_tokens, bool stream) {
  engine_pb::GenerateRequest request;
  request.set_text("Once upon a time");
  request.set_stream(stream);
  request.mutable_sampling_params()->set_temperature(0.0F);
  request.mutable_sampling_params()->set_max_tokens(max_tokens);
  request.mutable_sampling_params()->set_ignore_eos(true);
  return request;
}

// One Generate call as its client sees it.
struct VllmAnswer {
  std::vector<engine_pb::GenerateStreamChunk> chunks;
  std::vector<engine_pb::GenerateComplete> completes;
  grpc::Status status;

  // What the chunks of choice 0 put together say.
  std::vector<std::uint32_t> ChunkIds() const {
    std::vector<std::uint32_t> ids;
    for (const auto& chunk : chunks) {
      if (chunk.index() == 0)
        ids.insert(ids.end(), chunk.token_ids().begin(), chunk.token_ids().end());
    }
    return ids;
  }
};

inline VllmAnswer ReadAll(grpc::ClientReader<engine_pb::GenerateResponse>& reader) {
  VllmAnswer answer;
  engine_pb::GenerateResponse response;
  while (reader.Read(&response)) {
    if (response.has_chunk()) answer.chunks.push_back(response.chunk());
    if (response.has_complete()) answer.completes.push_back(response.complete());
  }
  answer.status = reader.Finish();
  return answer;
}

inline VllmAnswer Generate(VllmStub& stub, const engine_pb::GenerateRequest& request) {
  grpc::ClientContext context;
  return ReadAll(*stub.Generate(&context, request));
}

// A unary call: `method` is a member of the stub.
template <typename Request, typename Response>
grpc::Status Call(VllmStub& stub,
                  grpc::Status (VllmStub::*method)(grpc::ClientContext*, const Request&, Response*),
                  const Request& request, Response& response) {
  grpc::ClientContext context;
  return (stub.*method)(&context, request, &response);
}

}  // namespace cascade::testing
