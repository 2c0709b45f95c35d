// SPDX-License-Identifier: Apache-2.0
// Load that is allowed, but leaves others the less.
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cascade/v1/text_generation.grpc.pb.h"
#include "tests/hostile/calls_at_once.h"
#include "tests/hostile/hostile.h"

namespace cascade::testing {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

class HostileLoad : public Hostile {
 protected:
  StatusCounts GenerateAtOnce(std::size_t count, std::uint32_t max_new_tokens, seconds deadline) {
    v1::GenerateRequest request;
    request.set_text("Once upon a time");
    request.mutable_stopping()->set_max_new_tokens(max_new_tokens);
    request.mutable_stopping()->set_ignore_eos(true);
    const auto stub = v1::TextGeneration::NewStub(OpenChannel(address()));
    return CallAtOnce<v1::GenerateResponse>(
        count, system_clock::now() + deadline, [&](auto* context, auto* response, auto end) {
          stub->async()->Generate(context, &request, response, std::move(end));
        });
  }
};

TEST_F(HostileLoad, AFullQueueLeavesTheNeighborItsTurn) {
  // A server knows callers by hashes of their names. Once in 256 servers two names have one hash,
  // so a second server decides.
  for (int servers = 0; servers == 0 || (servers == 1 && BystandersWereRefused()); ++servers) {
    Serve({"--max_running=4"});
    Attack([&](Time until) {
      do {
        const StatusCounts counts = GenerateAtOnce(600, 64, seconds(2));
        Expect(AreAllIn(counts, {grpc::OK, grpc::RESOURCE_EXHAUSTED, grpc::DEADLINE_EXCEEDED}),
               absl::StrCat("calls ended with ", ToString(counts)));
      } while (steady_clock::now() < until);
    });
  }
  End("one client fills the queue");
}

TEST_F(HostileLoad, ABurstThatCanBeServedInTimeIsServed) {
  constexpr std::size_t kBurst = 300;  // of the 320 places, as many as one peer may have
  Serve();
  Attack([&](Time) {
    const StatusCounts counts = GenerateAtOnce(kBurst, 16, seconds(60));
    Expect(AreAllIn(counts, {grpc::OK}), absl::StrCat("calls ended with ", ToString(counts)));
  });
  End("a burst of 300 calls with a deadline");
}

}  // namespace
}  // namespace cascade::testing
