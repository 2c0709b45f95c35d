// SPDX-License-Identifier: Apache-2.0
// vllm.grpc.engine.VllmEngine: what gateways speak to engines.
#pragma once

#include "vllm/grpc/engine/vllm_engine.grpc.pb.h"

namespace cascade::server {

class Serving;

// Methods take bytes, as those of TextGenerationService do. Each call belongs to gRPC from its
// method on.
class VllmEngineService final : public ::vllm::grpc::engine::VllmEngine::Service {
 public:
  // Borrows `serving`.
  explicit VllmEngineService(const Serving& serving);
};

}  // namespace cascade::server
