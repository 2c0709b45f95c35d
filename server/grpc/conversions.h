// Between the wire's vocabulary and the engine's: what means the same in both is translated here.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "cascade/v1/text_generation.pb.h"
#include "model/generation/decoding.h"
#include "model/generation/generation_params.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/token_sink.h"
#include "server/grpc/backend.h"

namespace cascade::server {

// The request's parameters, with the model's defaults where it leaves something out, and
// `random_seed` for a missing seed. REQUIRES: the request is valid.
model::GenerationParams ToParams(const v1::GenerateRequest& request, const ModelInfo& info,
                                 std::uint64_t random_seed);

model::SpecialTokens ToSpecialTokens(bool parse_special_tokens);

// Appends what `step` adds to the answer. Its token id only if `report_token_id`; log-probabilities
// if it has them.
void AppendStep(const model::DecodingStep& step, bool report_token_id,
                const model::Tokenizer& tokenizer, v1::Delta& delta);

v1::Finish ToProto(const model::Finish& finish, std::size_t generated_tokens, std::uint64_t seed);

// REQUIRES: a valid google.protobuf.Duration.
absl::Duration ToDuration(const google::protobuf::Duration& duration);

// Allocates nothing if `out` has its three durations already.
void SetTimings(const Timings& timings, v1::Timings& out);

v1::GetModelResponse ToProto(const ModelInfo& info);

}  // namespace cascade::server
