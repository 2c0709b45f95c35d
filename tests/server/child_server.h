// SPDX-License-Identifier: Apache-2.0
// The real binary as a child of the test, and its client.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cascade/v1/text_generation.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "tests/server/server_process.h"

namespace cascade::testing {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// A child that serves `folder` on a free port, and its client.
class Child {
 public:
  Child(const std::string& folder, const std::vector<std::string>& flags)
      : process_(Arguments(folder, flags)),
        address_(process_.Address()),
        channel_(grpc::CreateChannel(address_, grpc::InsecureChannelCredentials())),
        stub_(v1::TextGeneration::NewStub(channel_)),
        health_(grpc::health::v1::Health::NewStub(channel_)),
        watch_(health_->Watch(&watch_context_, Readiness())) {}

  // Returns when health says `status`.
  void WaitFor(HealthCheckResponse::ServingStatus status) {
    HealthCheckResponse response;
    while (response.status() != status && watch_->Read(&response)) {
    }
    EXPECT_EQ(response.status(), status) << process_.StandardError();
  }

  ServerProcess& process() { return process_; }
  v1::TextGeneration::Stub& stub() { return *stub_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  const std::string& address() const { return address_; }

 private:
  static HealthCheckRequest Readiness() {
    HealthCheckRequest request;
    request.set_service(v1::TextGeneration::service_full_name());
    return request;
  }

  static std::vector<std::string> Arguments(const std::string& folder,
                                            const std::vector<std::string>& flags) {
    std::vector<std::string> arguments = {"--model=" + folder, "--listen=127.0.0.1:0",
                                          "--kv_cache_bytes=64MiB"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return arguments;
  }

  ServerProcess process_;
  std::string address_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::TextGeneration::Stub> stub_;
  std::unique_ptr<grpc::health::v1::Health::Stub> health_;
  grpc::ClientContext watch_context_;
  std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> watch_;
};

}  // namespace cascade::testing
