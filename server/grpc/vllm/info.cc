// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/vllm/info.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "model/kernels/kv_block.h"
#include "server/grpc/model_info.h"
#include "server/grpc/vllm/load.h"
#include "server/grpc/vllm/time_of_day.h"

namespace cascade::server {
namespace {

// Sizes of models and limits are far below 2^31: model/config.cc and the flags see to it.
template <typename Integer>
std::int32_t ToInt32(Integer value) {
  return static_cast<std::int32_t>(value);
}

// As PyTorch and vLLM name the types that they have.
std::string TypeName(std::string_view name) {
  if (name == "f32") return "float32";
  if (name == "f16") return "float16";
  if (name == "bf16") return "bfloat16";
  return std::string(name);
}

// The model's own defaults, by the names of SamplingParams.
std::string DefaultsAsJson(const model::GenerationConfig& defaults) {
  return absl::StrCat("{\"temperature\": ", defaults.temperature, ", \"top_k\": ", defaults.top_k,
                      ", \"top_p\": ", defaults.top_p, ", \"min_p\": ", defaults.min_p,
                      ", \"repetition_penalty\": ", defaults.repetition_penalty,
                      ", \"max_tokens\": ", defaults.max_new_tokens.value_or(0), "}");
}

}  // namespace

engine_pb::GetModelInfoResponse ToModelInfo(const ModelInfo& info) {
  engine_pb::GetModelInfoResponse out;
  // The name alone: where the files lie is nobody's business.
  out.set_model_path(info.name);
  out.set_served_model_name(info.name);
  out.set_tokenizer_path(info.name);
  out.set_is_generation(true);
  out.set_max_context_length(static_cast<std::uint32_t>(info.MaxTotalTokens()));
  out.set_vocab_size(static_cast<std::uint32_t>(info.config.vocab_size));
  out.set_model_type("gpt2");
  out.add_architectures("GPT2LMHeadModel");
  for (const model::TokenId id : info.defaults.eos_token_ids) out.add_eos_token_ids(ToInt32(id));
  if (!info.defaults.eos_token_ids.empty()) {
    out.set_pad_token_id(ToInt32(info.defaults.eos_token_ids.front()));
    out.set_bos_token_id(ToInt32(info.defaults.eos_token_ids.front()));
  }
  out.set_max_req_input_len(ToInt32(info.MaxPromptTokens()));
  out.set_default_sampling_params_json(DefaultsAsJson(info.defaults));
  return out;
}

engine_pb::GetServerInfoResponse ToServerInfo(const ModelInfo& info, const WorkerStats& stats,
                                              absl::Duration uptime, double last_received) {
  engine_pb::GetServerInfoResponse out;
  out.set_active_requests(static_cast<std::uint32_t>(stats.running + stats.queued));
  out.set_last_receive_timestamp(last_received);
  out.set_uptime_seconds(absl::ToDoubleSeconds(uptime));
  out.set_server_type("cascade");
  out.set_data_parallel_size(1);
  out.set_kv_cache_dtype(TypeName(model::kernels::Name(info.cache_type)));
  out.set_block_size(ToInt32(model::kernels::kBlockPositions));
  out.set_model_dtype(TypeName(model::kernels::Name(info.weights.precision.weights)));
  out.set_max_num_seqs(ToInt32(info.max_running));
  out.set_constrained_decoding_start("first_token");
  return out;
}

engine_pb::GetLoadsResponse ToLoads(const engine_pb::GetLoadsRequest& request,
                                    const ModelInfo& info, const WorkerStats& stats) {
  engine_pb::GetLoadsResponse out;
  out.set_timestamp(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", TimeOfDay(), absl::UTCTimeZone()));
  out.set_version(CASCADE_VERSION);
  out.set_dp_rank_count(1);
  if (request.dp_rank() == 0) FillLoad(stats, info.max_running, *out.add_loads());
  return out;
}

}  // namespace cascade::server
