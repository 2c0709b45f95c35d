// SPDX-License-Identifier: Apache-2.0
// What the layers of one step share.
#pragma once

#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/layers/batch.h"
#include "model/layers/scratch.h"

namespace cascade::model {

// Borrows all of it, for the length of one step. For the layers that see the batch or the cache;
// the others take just what they use.
struct StepContext {
  const ModelConfig& config;
  const Batch& batch;
  KvCache& cache;
  Executor& executor;
  LayerScratch& scratch;  // for at least batch.rows() rows
};

}  // namespace cascade::model
