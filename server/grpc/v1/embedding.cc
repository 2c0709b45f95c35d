// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/v1/embedding.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/grpc/duration.h"
#include "server/grpc/model_info.h"
#include "server/grpc/v1/request.h"
#include "server/grpc/v1/response.h"

namespace cascade::server {
namespace {

std::uint32_t ToUint32(std::size_t value) { return static_cast<std::uint32_t>(value); }

Pooling ToPooling(v1::Pooling pooling, Violations& violations) {
  if (!v1::Pooling_IsValid(pooling)) {
    violations.Add("pooling",
                   absl::StrCat("is ", static_cast<int>(pooling),
                                "; must be POOLING_LAST, POOLING_MEAN or POOLING_TOKENS"));
  }
  if (pooling == v1::POOLING_MEAN) return Pooling::kMean;
  return pooling == v1::POOLING_TOKENS ? Pooling::kTokens : Pooling::kLast;
}

}  // namespace

InputText ToInput(const v1::Input& message) {
  InputText input;
  if (message.has_text()) input.text = message.text();
  if (message.has_token_ids()) {
    const auto& ids = message.token_ids().ids();
    input.token_ids = {ids.data(), static_cast<std::size_t>(ids.size())};
  }
  return input;
}

EmbeddingRequest ToEmbeddingRequest(const v1::EmbedRequest& message, Violations& violations) {
  EmbeddingRequest request;
  request.field_name = V1FieldName;
  request.request_id = message.request_id();
  request.parse_special_tokens = message.parse_special_tokens();
  request.cache = {.salt = message.cache().salt(), .bypass = message.cache().bypass()};
  request.priority = message.priority();
  for (const v1::Input& input : message.inputs()) request.inputs.push_back(ToInput(input));
  if (message.has_truncation()) request.truncation = ToTruncation(message.truncation(), violations);
  request.pooling = ToPooling(message.pooling(), violations);
  request.normalize = message.normalize();
  return request;
}

void EmbedEncoder::Append(Answer& answer, v1::EmbedResponse& response) {
  const bool is_first = response.embeddings().empty();
  v1::Embedding& embedding = *response.add_embeddings();
  embedding.set_prompt_tokens(ToUint32(answer.prompt_tokens()));
  embedding.set_truncated_tokens(ToUint32(answer.truncated_tokens()));
  const std::vector<float> values = answer.hidden().Take();
  const std::size_t n_embd = answer.hidden().n_embd();
  for (std::size_t begin = 0; begin < values.size(); begin += n_embd) {
    embedding.add_vectors()->mutable_values()->Assign(&values[begin], &values[begin] + n_embd);
  }
  v1::Summary& summary = *response.mutable_summary();
  v1::Usage& usage = *summary.mutable_usage();
  usage.set_prompt_tokens(usage.prompt_tokens() + ToUint32(answer.prompt_tokens()));
  usage.set_cached_tokens(usage.cached_tokens() + CachedTokens(answer, *info_));
  if (!is_first) return;
  response.set_request_id(answer.request_id());
  summary.set_fingerprint(info_->fingerprint);
  FillTimings(arrival_, answer.timings().queue, *summary.mutable_timings());
}

void FillTimings(absl::Time arrival, absl::Duration queue, v1::Timings& timings) {
  const absl::Duration all = std::max(MonotonicNow() - arrival, queue);
  ToProto(queue, *timings.mutable_queue());
  ToProto(all - queue, *timings.mutable_prefill());
  ToProto(absl::ZeroDuration(), *timings.mutable_decode());
}

}  // namespace cascade::server
