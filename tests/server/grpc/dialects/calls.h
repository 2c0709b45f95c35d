// SPDX-License-Identifier: Apache-2.0
// Calls that generate, in any dialect: so that what all dialects do is tested once, over each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grpc/support/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"

namespace cascade::testing {

enum class Dialect : std::uint8_t {
  kNative,  // cascade.v1.TextGeneration
  kVllm,    // vllm.grpc.engine.VllmEngine
};

// For INSTANTIATE_TEST_SUITE_P.
inline const auto kDialects = ::testing::Values(Dialect::kNative, Dialect::kVllm);
std::string NameOf(const ::testing::TestParamInfo<Dialect>& info);

// The service, as health knows it.
std::string ServiceOf(Dialect dialect);

// What a call asks for, in no dialect: greedy tokens, whatever they are, which nothing but their
// number ends.
struct Ask {
  std::uint32_t tokens = 1;
  std::string text = "Once upon a time";
  std::vector<std::uint32_t> ids = {};  // the prompt instead of `text`, unless it is empty
  std::optional<std::uint32_t> truncate_to = {};  // keeps so many of the prompt's tokens
  std::uint32_t candidates = 0;  // if any, each token comes with so many log-probabilities
  std::optional<gpr_timespec> deadline = {};  // of the call; by default it has none
};

// What a client was told. Of a stream, by the messages that were read by then.
struct Reply {
  std::vector<std::uint32_t> tokens;
  std::size_t logprobs = 0;     // of tokens
  std::size_t messages = 0;     // that have tokens
  std::uint32_t generated = 0;  // tokens, as the server counts them once the answer is complete
  grpc::Status status;
};

// A call in flight. The destructor cancels it and waits for its end.
class GenerateCall {
 public:
  virtual ~GenerateCall() = default;
  GenerateCall(const GenerateCall&) = delete;
  GenerateCall& operator=(const GenerateCall&) = delete;

  // Waits for the end, reading what comes.
  virtual const Reply& Rest() = 0;

  const Reply& Cancel() {
    context_.TryCancel();
    return Rest();
  }

  grpc::ClientContext& context() { return context_; }

 protected:
  GenerateCall() = default;

 private:
  grpc::ClientContext context_;
};

// A call whose tokens come as they are generated, as far as somebody reads them.
class StreamCall : public GenerateCall {
 public:
  // Returns once the server has accepted or refused the call. Reads no message.
  virtual void WaitUntilAccepted() = 0;

  // Reads up to the first token. False if the call ends without any.
  virtual bool ReadToken() = 0;
};

std::unique_ptr<StreamCall> StartStream(Dialect dialect,
                                        const std::shared_ptr<grpc::Channel>& channel,
                                        const Ask& ask);

// A call whose answer comes at its end. No reader can make it pause.
std::unique_ptr<GenerateCall> StartWhole(Dialect dialect,
                                         const std::shared_ptr<grpc::Channel>& channel,
                                         const Ask& ask);

}  // namespace cascade::testing
