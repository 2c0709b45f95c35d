// SPDX-License-Identifier: Apache-2.0
// A GPT-2 of any shape with no file behind it.
#pragma once

#include <cstdint>

#include "model/config.h"
#include "model/executor.h"
#include "model/kernels/element_types.h"
#include "model/weights/gpt2_weights.h"

namespace cascade::testing {

// Weights of the sizes that an untrained GPT-2 has: about normal with deviation 0.02, the
// projections back into the residual stream divided by sqrt(2 n_layer), layer norms' gamma
// around 1. Biases are random too, so that a bias left out shows.
//
// A pure function of config, precision and seed: the executor only splits the work. 124M take a
// second or so on one core.
model::Gpt2Weights RandomGpt2Weights(const model::ModelConfig& config,
                                     const model::kernels::Precision& precision, std::uint64_t seed,
                                     model::Executor& executor);

}  // namespace cascade::testing
