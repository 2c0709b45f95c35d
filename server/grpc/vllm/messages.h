// SPDX-License-Identifier: Apache-2.0
// The generated messages, under names that are shorter than their packages'.
#pragma once

#include "absl/strings/string_view.h"
#include "smg/grpc/common/common.pb.h"
#include "vllm/grpc/engine/vllm_engine.pb.h"

namespace cascade::server {

namespace engine_pb = ::vllm::grpc::engine;
namespace common_pb = ::smg::grpc::common;

inline constexpr absl::string_view kVllmEngine = "vllm.grpc.engine.VllmEngine";

}  // namespace cascade::server
