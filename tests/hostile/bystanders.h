// SPDX-License-Identifier: Apache-2.0
// Those who do nothing wrong while somebody else attacks the server.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "cascade/v1/text_generation.grpc.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/security/credentials.h"
#include "tests/server/process_usage.h"

namespace cascade::testing {

// Times in the order of their measurement.
using Latencies = std::vector<std::chrono::steady_clock::duration>;

// The `percent`-th percentile in milliseconds; 0 if there are no times.
double Percentile(Latencies latencies, int percent);

// A connection of its own to `address`, which connects again at once when it is closed. With TLS
// the server's name must be localhost.
std::shared_ptr<grpc::Channel> OpenChannel(const std::string& address,
                                           const std::shared_ptr<grpc::ChannelCredentials>&
                                               credentials = grpc::InsecureChannelCredentials());

// A client that asks for one answer again and again, as a stream, and a health probe that calls
// every few milliseconds and looks at what the server uses.
class Bystanders {
 public:
  struct Observations {
    Latencies health;               // of each probe, from its call to its answer
    Latencies gaps;                 // between a stream's call, its events, and its end
    std::size_t answers = 0;        // whole, and equal to `quiet_answer`
    std::size_t refusals = 0;       // RESOURCE_EXHAUSTED before the first token
    std::vector<std::string> cuts;  // calls of either that the transport ended
    std::size_t most_threads = 0;
    std::size_t most_descriptors = 0;
    std::vector<std::string> wrong;  // what must not happen: other statuses, other answers
  };

  // Waits until the server at `address`, process `pid`, is ready, and learns the answer to
  // `Request` while it is quiet.
  Bystanders(const std::string& address, pid_t pid,
             const std::shared_ptr<grpc::ChannelCredentials>& credentials);
  ~Bystanders() { Stop(); }
  Bystanders(const Bystanders&) = delete;
  Bystanders& operator=(const Bystanders&) = delete;

  void Start();

  // Returns when the calls that are open have ended.
  const Observations& Stop();

  // Asks once, on a new connection. What is wrong with the answer; empty if nothing is.
  std::string AskOnce() const;

 private:
  static v1::GenerateRequest Request();
  void KeepAsking();
  void KeepProbing();
  std::string CheckAnswer(const grpc::Status& status, const v1::Delta& answer) const;

  const std::string address_;
  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  const pid_t pid_;
  // Connected before the attack: it may keep everybody from connecting.
  const std::shared_ptr<grpc::Channel> asking_channel_;
  const std::shared_ptr<grpc::Channel> probing_channel_;
  v1::Delta quiet_answer_;
  absl::Notification stop_;
  std::thread asking_;
  std::thread probing_;
  Observations asked_;   // of `asking_`, and the sum once both have stopped
  Observations probed_;  // of `probing_`
};

}  // namespace cascade::testing
