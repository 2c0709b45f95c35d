// SPDX-License-Identifier: Apache-2.0
// The models that the determinism tests run, and the types that their numbers are stored in.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/kernels/element_types.h"
#include "model/tokenizer/tokenizer.h"
#include "model/weights/gpt2_weights.h"

namespace cascade::testing {

// What a result may depend on, besides model and request: each combination has its own bits.
struct StorageTypes {
  model::kernels::Precision precision = model::kernels::WeightType::kF32;
  model::kernels::KvType kv = model::kernels::KvType::kF32;
};

// Every precision and type that there is, a new one by itself. Weights and cache vary one at a
// time: no kernel reads both.
std::vector<StorageTypes> AllStorageTypes();

// "weights=f32 kv=f32", "weights=int8 activations=int8 kv=f32"
std::string Name(const StorageTypes& types);

// All models use the bundled tokenizer; a smaller vocabulary uses its beginning.
struct TestModel {
  std::string name;
  model::ModelConfig config;
  std::string folder = {};  // empty: random weights
};

// deploy/models/tales-7m of the source tree in `root`.
absl::StatusOr<TestModel> BundledModel(const std::string& root);
absl::StatusOr<model::Tokenizer> LoadBundledTokenizer(const std::string& root);

// Two narrow layers of random weights, otherwise with the numbers of `like`: plain C++ runs it in
// reasonable time.
TestModel NarrowModel(const TestModel& like);

// Random models that between them have every activation, GPT-2's head size and an odd one, tied and
// untied heads, both ways to scale scores, and sizes that no vector's width divides.
std::vector<TestModel> AwkwardModels();

// The model's weights for `precision`.
absl::StatusOr<model::Gpt2Weights> WeightsOf(const TestModel& model,
                                             const model::kernels::Precision& precision,
                                             model::Executor& executor);

}  // namespace cascade::testing
