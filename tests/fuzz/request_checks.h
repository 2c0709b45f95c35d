// SPDX-License-Identifier: Apache-2.0
// What every dialect's requests are held to, whatever their bytes say.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "google/rpc/status.pb.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/limits.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/preparation.h"
#include "server/grpc/request/text_request.h"
#include "server/grpc/request/violations.h"
#include "server/grpc/status.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/source_path.h"

namespace cascade::server {

// A model that the requests are for; its small context and cache are easy to exceed.
struct FuzzedModel {
  FuzzedModel() : tokenizer(*model::Tokenizer::Load(testing::BundledModelFolder())) {
    info.config.vocab_size = 4096;
    info.config.n_ctx = 64;
    info.defaults.max_new_tokens = 8;
    info.defaults.eos_token_ids = {4095};
    info.cache_positions = 48;
    info.max_running = 1;
  }

  ModelInfo info;
  model::Tokenizer tokenizer;
};

inline void ExpectRunnable(const GenerationRequest& generation, const ModelInfo& info) {
  const EngineLimits limits = {.n_ctx = info.config.n_ctx,
                               .vocab_size = info.config.vocab_size,
                               .total_blocks = info.cache_positions / 16,
                               .max_running = 1};
  FUZZ_EXPECT(CheckRunnable(generation, limits).ok());
  FUZZ_EXPECT(!generation.id.empty());
  FUZZ_EXPECT(std::isfinite(generation.params.sampling.temperature));
  FUZZ_EXPECT(generation.params.sampling.top_p > 0.0F);
  FUZZ_EXPECT(generation.params.stopping.min_new_tokens <=
              generation.params.stopping.max_new_tokens);
  for (const std::string& stop : generation.params.stopping.stop) FUZZ_EXPECT(!stop.empty());
}

inline void ExpectTold(const absl::Status& refusal) {
  FUZZ_EXPECT(refusal.code() == absl::StatusCode::kInvalidArgument);
  const grpc::Status status = ToGrpcStatus(refusal);
  google::rpc::Status details;
  FUZZ_EXPECT(details.ParseFromString(status.error_details()));
  FUZZ_EXPECT(details.message() == status.error_message());
  FUZZ_EXPECT(!status.error_message().empty());
  FUZZ_EXPECT(status.error_message().size() + status.error_details().size() * 4 / 3 < 8192);
}

// The whole of a dialect's fuzzer: any bytes that are a `Message` are either prepared into
// something that the worker takes, or refused with words and details that fit a client's trailers.
// The dialect's Validate and ToTextRequest are found by their arguments.
template <typename Message>
void CheckRequest(const std::uint8_t* data, std::size_t size) {
  static const FuzzedModel fuzzed;
  Message message;
  if (!message.ParseFromArray(data, static_cast<int>(size))) return;
  if (const absl::Status status = Validate(message, fuzzed.info); !status.ok()) {
    return ExpectTold(status);
  }
  Violations violations;
  const absl::StatusOr<PreparedRequest> prepared = Prepare(
      ToTextRequest(message, violations), absl::InfiniteFuture(), fuzzed.info, fuzzed.tokenizer);
  if (!prepared.ok()) return ExpectTold(prepared.status());
  ExpectRunnable(prepared->generation, fuzzed.info);
}

}  // namespace cascade::server
