// SPDX-License-Identifier: Apache-2.0
// One attack on one server: what happens before, beside and after it, and what must hold.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "tests/hostile/bystanders.h"
#include "tests/server/server_process.h"
#include "tests/support/temp_dir.h"

namespace cascade::testing {

// Each test starts a server of the bundled model, attacks it once, and checks the bounds. The table
// of all attacks that a process made is printed as they end.
class Hostile : public ::testing::Test {
 protected:
  using Time = std::chrono::steady_clock::time_point;

  // The memory that the Kubernetes manifest grants: the process must never have more.
  static constexpr std::size_t kMostResident = std::size_t{512} << 20;

  // Prints the head of the table.
  static void SetUpTestSuite();

  // Starts a server with the manifest's flags and what they mean in the manifest's memory, then
  // `flags`, and returns when it is ready. The child runs `preamble`, commands of the shell, before
  // it becomes the server: "ulimit -n 64;".
  void Serve(const std::vector<std::string>& flags = {}, const std::string& preamble = "");

  // Before Serve: the bystanders speak TLS, with these credentials, to a server named localhost.
  void BystandersTrust(std::shared_ptr<grpc::ChannelCredentials> credentials) {
    credentials_ = std::move(credentials);
  }

  // Runs `attack`, which is to return soon after the time that it is given, beside the bystanders.
  void Attack(const std::function<void(Time until)>& attack);

  // After Attack: checks that the server answers and has given back what the attack took, ends it
  // with SIGTERM, and prints a line of the table that begins with `name`. Connections that the test
  // still holds are open meanwhile.
  void End(const std::string& name);

  // For attacks that fill the server up: bystanders may be refused as well.
  void BystandersMayBeRefused() { may_be_refused_ = true; }

  // For attacks that fill gRPC's own buffers: its resource quota then ends calls and connections,
  // whosever they are. README.md lists these attacks.
  void BystandersMayBeCut() { may_be_cut_ = true; }

  // After Attack.
  bool BystandersWereRefused() { return bystanders_->Stop().refusals > 0; }

  // Fails the test with `what` if a bound does not hold, and marks the table's line.
  void Expect(bool holds, const std::string& what);

  const std::string& address() const { return address_; }
  const std::string& folder() const { return folder_.path(); }
  ServerProcess& server() { return *server_; }

 private:
  void CheckAnswersAndSizes();
  void Terminate();
  void PrintRow(const std::string& name) const;

  TempDir folder_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<Bystanders> bystanders_;
  std::string address_;
  std::shared_ptr<grpc::ChannelCredentials> credentials_ = grpc::InsecureChannelCredentials();
  bool may_be_refused_ = false;
  bool may_be_cut_ = false;
  bool all_held_ = true;
  ProcessUsage before_;
  std::size_t peak_bytes_ = 0;
  ProcessUsage after_;
};

}  // namespace cascade::testing
