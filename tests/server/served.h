// SPDX-License-Identifier: Apache-2.0
// A whole server on a loopback port, and a client.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "cascade/v1/text_generation.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/channel_arguments.h"
#include "server/server.h"

namespace cascade::testing {

// A server of `folder` in this process, over loopback TCP: an in-process channel would drop calls
// where a socket drains them. `adjust` may change the options.
class Served {
 public:
  explicit Served(
      const std::string& folder,
      const std::function<void(server::Options&)>& adjust = [](server::Options&) {});

  server::Server& server() { return *server_; }
  v1::TextGeneration::Stub& stub() { return *stub_; }
  grpc::health::v1::Health::Stub& health() { return *health_; }

  // HOST:PORT.
  const std::string& address() const { return server_->address(); }

  // A connection of its own. Its windows stay at 64 KiB, so it takes little to fill them; less, if
  // `arguments` say so.
  std::shared_ptr<grpc::Channel> NewChannel(grpc::ChannelArguments arguments = {}) const;

  // Ends what was admitted in its own time, refuses what comes; then nothing is running.
  void DrainAll();

  // Nobody holds a block of the KV cache or a place. Call it after DrainAll.
  bool EverythingIsFree();

 private:
  bool speaks_tls_ = false;
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<v1::TextGeneration::Stub> stub_;
  std::unique_ptr<grpc::health::v1::Health::Stub> health_;
};

// How a server for tests is run: a free loopback port, silent.
server::Options TestOptions(const std::string& folder);

// One GenerateStream call as its client sees it.
struct Stream {
  std::vector<v1::GenerateEvent> events;
  grpc::Status status;

  // The deltas put together.
  v1::Delta Answer() const;
};

// Reads `reader` to its end.
Stream ReadAll(grpc::ClientReader<v1::GenerateEvent>& reader);

// A call with default metadata and no deadline, read to its end.
Stream GenerateStream(v1::TextGeneration::Stub& stub, const v1::GenerateRequest& request);

// A request for `max_new_tokens` greedy tokens after "Once upon a time", whatever they are.
v1::GenerateRequest Request(std::uint32_t max_new_tokens);

// A text that is long enough not to be tokenized on gRPC's own threads.
std::string LongText();

// google.rpc.BadRequest from the status's details: the fields it names, in order.
std::vector<std::string> BadFields(const grpc::Status& status);

// The first detail of type Detail; false if there is none.
template <typename Detail>
bool FindDetail(const grpc::Status& status, Detail& detail);

extern template bool FindDetail(const grpc::Status&, google::rpc::BadRequest&);
extern template bool FindDetail(const grpc::Status&, google::rpc::RetryInfo&);

// The message inside the details; the status's own if there are no details.
std::string DetailsMessage(const grpc::Status& status);

}  // namespace cascade::testing
