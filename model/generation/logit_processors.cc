// SPDX-License-Identifier: Apache-2.0

#include "model/generation/logit_processors.h"

#include <memory>

#include "model/generation/min_new_tokens.h"

namespace cascade::model {

LogitProcessorList MakeLogitProcessors(const GenerationParams& params) {
  LogitProcessorList processors;
  if (params.stopping.min_new_tokens > 0) {
    processors.Add(std::make_unique<MinNewTokens>(params.stopping));
  }
  return processors;
}

}  // namespace cascade::model
