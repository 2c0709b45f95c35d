// SPDX-License-Identifier: Apache-2.0
// Who calls the server of a soak, and what they may expect.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "cascade/v1/text_generation.grpc.pb.h"
#include "grpcpp/channel.h"
#include "server/engine/mutex.h"
#include "tests/soak/server_under_fire.h"

namespace cascade::testing {

// A request and what it gives.
struct Known {
  v1::GenerateRequest request;
  v1::Delta answer;  // all of it
};

// The same for Score: the sums, by continuation, of its one item.
struct KnownScore {
  v1::ScoreRequest request;
  std::vector<double> sums;
};

// What the calls of a soak came to. Any thread.
class Findings {
 public:
  void Count(grpc::StatusCode code) ABSL_LOCKS_EXCLUDED(mu_);
  void Violation(const std::string& what) ABSL_LOCKS_EXCLUDED(mu_);

  std::map<grpc::StatusCode, std::size_t> codes() const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<std::string> violations() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable server::Mutex mu_;
  std::map<grpc::StatusCode, std::size_t> codes_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> violations_ ABSL_GUARDED_BY(mu_);
};

// A connection of its own to `address`, that comes back at once when its server does.
std::shared_ptr<grpc::Channel> Connect(const std::string& address);

// One client: makes one call after the other, each with a character of its own by chance, until
// `stop`; checks what it gets. `known` is shared and constant.
void RunClient(const ServerUnderFire& server, const std::vector<Known>& known, std::uint64_t seed,
               const std::atomic<bool>& stop, Findings& findings);

// Scores over and over until `stop`; checks what it gets.
void RunScorer(const ServerUnderFire& server, const KnownScore& known,
               const std::atomic<bool>& stop, Findings& findings);

// The same once, and the sums; as far as there are any if it fails.
grpc::Status Score(v1::TextGeneration::Stub& stub, const v1::ScoreRequest& request,
                   std::vector<double>& sums);

// A call that reads to the end and should be OK: waits for the server if there is none yet.
grpc::Status Generate(v1::TextGeneration::Stub& stub, const v1::GenerateRequest& request,
                      v1::Delta& answer);

}  // namespace cascade::testing
