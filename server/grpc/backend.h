// SPDX-License-Identifier: Apache-2.0
// What services hand requests to.
#pragma once

namespace cascade::model {
class Tokenizer;
}  // namespace cascade::model

namespace cascade::server {

class Admission;
class ConstraintCache;
class Worker;
struct ModelInfo;

// A model in service. Borrows everything; all of it outlives the gRPC server.
struct Backend {
  const ModelInfo& info;
  const model::Tokenizer& tokenizer;
  Admission& admission;         // places of requests that run or wait
  Admission& open_generations;  // places of those and of answers that are not read to their ends
  ConstraintCache& constraints;
  Worker& worker;
};

}  // namespace cascade::server
