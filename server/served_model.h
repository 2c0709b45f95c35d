// SPDX-License-Identifier: Apache-2.0
// A model in memory and the engine that runs it.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/constraints/token_trie.h"
#include "model/executor.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/admission.h"
#include "server/engine/worker.h"
#include "server/grpc/backend.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/constraint_cache.h"
#include "server/options.h"

namespace cascade::model {
class FileMemory;
}  // namespace cascade::model

namespace cascade::server {

// Part of the fingerprint, by the type of keys and values. Increased by each change after which the
// same weights, types and request may give other bits than before: int8's are multiplied as
// integers since 2.
constexpr int NumericsVersion(model::kernels::KvType type) {
  return type == model::kernels::KvType::kInt8 ? 2 : 1;
}

// Owns the model, the tokenizer, the admission and the worker: all that the services hand requests
// to. As thread-safe as each of these.
class ServedModel {
 public:
  // Loads the model that options.model names, starts the worker, and logs what was loaded. An error
  // names the file or the flag that is wrong. RESOURCE_EXHAUSTED, naming what was being made, if
  // memory or threads run out.
  static absl::StatusOr<std::unique_ptr<ServedModel>> Load(const Options& options);

  // The errors of Load that show without reading the weights. Logs nothing.
  static absl::Status Check(const Options& options);

  ServedModel(const ServedModel&) = delete;
  ServedModel& operator=(const ServedModel&) = delete;

  // Valid as long as this object.
  const Backend& backend() const { return backend_; }

  // Lets a process that waits to write the packed weights' file go on, after copying the weights to
  // this process's own memory, and logs it. To be called every few seconds, by one thread. An error
  // if there is no memory for the copy or the file has changed: then results may be wrong, and the
  // process must end at once.
  absl::Status YieldPackedFile();

 private:
  // As Load, but throws what the standard library throws. `doing` is the part that is being made.
  static absl::StatusOr<std::unique_ptr<ServedModel>> LoadOrThrow(const Options& options,
                                                                  absl::string_view& doing);

  // Starts the worker.
  ServedModel(ModelInfo info, model::Tokenizer tokenizer, std::unique_ptr<model::Executor> executor,
              std::unique_ptr<model::LanguageModel> language_model, model::KvCache cache,
              std::shared_ptr<model::FileMemory> packed_file, const WorkerOptions& worker);

  const ModelInfo info_;
  const model::Tokenizer tokenizer_;
  const model::TokenTrie trie_;  // of the tokenizer
  ConstraintCache constraints_;
  const std::unique_ptr<model::Executor> executor_;
  const std::shared_ptr<model::FileMemory> packed_file_;  // the model's; null: it has none
  Admission admission_;
  Admission open_generations_;
  Worker worker_;  // destroyed before the tokenizer that it borrows, and before the admission that
                   // its requests' permits belong to
  const Backend backend_;
};

}  // namespace cascade::server
