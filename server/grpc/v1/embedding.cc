// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/v1/embedding.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/grpc/model_info.h"
#include "server/grpc/v1/batch_messages.h"
#include "server/grpc/v1/request.h"
#include "server/grpc/v1/response.h"
#include "server/grpc/v1/to_uint32.h"

namespace cascade::server {
namespace {

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

EmbeddingRequest ToEmbeddingRequest(const v1::EmbedRequest& message, Violations& violations) {
  EmbeddingRequest request;
  FillBatchRequest(message, request);
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

}  // namespace cascade::server
