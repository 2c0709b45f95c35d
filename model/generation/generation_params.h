// SPDX-License-Identifier: Apache-2.0
// What one request asks of the model, complete: every default is resolved before it gets here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model/sampling/sampling_params.h"
#include "model/token.h"

namespace cascade::model {

struct StoppingParams {
  std::size_t max_new_tokens = 128;    // at least 1
  std::size_t min_new_tokens = 0;      // no stop of any kind before this many, but the limits
  std::vector<TokenId> eos_token_ids;  // empty: never (ignore_eos)
  std::vector<TokenId> stop_token_ids;
  std::vector<std::string> stop;  // non-empty UTF-8 strings
  bool include_stop = false;      // leave a matched stop string in the text
};

struct OutputParams {
  bool logprobs = false;
  std::size_t candidates = 0;  // with logprobs: how many alternatives a token
};

struct GenerationParams {
  SamplingParams sampling;
  StoppingParams stopping;
  OutputParams output;
};

}  // namespace cascade::model
