// SPDX-License-Identifier: Apache-2.0
// A model in memory and the engine that runs it.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "model/executor.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/admission.h"
#include "server/engine/worker.h"
#include "server/grpc/backend.h"
#include "server/grpc/model_info.h"
#include "server/options.h"

namespace cascade::server {

// Grows when the same weights, the same type and the same request may give other bits than before.
inline constexpr int kNumericsVersion = 1;

// Everything that a request meets behind the services. Thread-safe as its parts are.
class ServedModel {
 public:
  // Loads what `options.model` names and starts the worker; logs what was loaded. The error names
  // the file or the flag that is wrong.
  static absl::StatusOr<std::unique_ptr<ServedModel>> Load(const Options& options);

  ServedModel(const ServedModel&) = delete;
  ServedModel& operator=(const ServedModel&) = delete;

  // Valid as long as this object.
  const Backend& backend() const { return backend_; }

 private:
  struct Parts;
  explicit ServedModel(Parts parts);

  const ModelInfo info_;
  const model::Tokenizer tokenizer_;
  const std::unique_ptr<model::Executor> executor_;
  Admission admission_;
  Admission open_generations_;
  Worker worker_;  // ends before what it borrows and before the permits' owner
  const Backend backend_;
};

}  // namespace cascade::server
