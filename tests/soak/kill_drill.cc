// SPDX-License-Identifier: Apache-2.0
// Replicas die while clients read, and no client can tell: see README.md.
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/replicas.h"
#include "client/unbroken_stream.h"
#include "gtest/gtest.h"
#include "tests/server/model_folder.h"
#include "tests/soak/clients.h"
#include "tests/soak/library.h"
#include "tests/soak/server_under_fire.h"

namespace cascade::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::size_t kReplicas = 4;
constexpr std::size_t kClients = 16;
constexpr std::size_t kContext = 512;

seconds Duration() {
  const char* text = std::getenv("DRILL_SECONDS");
  int value = 0;
  return seconds(text != nullptr && absl::SimpleAtoi(text, &value) ? value : 6);
}

void WaitUntilServing(const std::string& address) {
  const auto stub = v1::TextGeneration::NewStub(Connect(address));
  grpc::Status status;
  do {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    v1::GetModelResponse model;
    status = stub->GetModel(&context, v1::GetModelRequest(), &model);
  } while (!status.ok());
}

class KillDrill : public ::testing::Test {
 protected:
  KillDrill() {
    const char* model = std::getenv("DRILL_MODEL");
    const std::string path = model != nullptr ? model : folder_.path();
    for (std::size_t i = 0; i < kReplicas; ++i) {
      servers_.push_back(std::make_unique<ServerUnderFire>(std::vector<std::string>{
          absl::StrCat("--model=", path), "--kv_cache_bytes=64MiB", "--drain_seconds=0"}));
    }
    LearnAnswers(path);
  }

  // Greedy and not, with what looks back at the answer; the answers are the library's.
  void LearnAnswers(const std::string& model) {
    Library library(model);
    for (std::uint32_t i = 0; i < 12; ++i) {
      Known known;
      for (std::uint32_t t = 0; t < 1 + i * 9; ++t) {
        known.request.mutable_token_ids()->add_ids((t * 7 + i) % 4000);
      }
      known.request.mutable_stopping()->set_max_new_tokens(100 + i * 25);
      known.request.mutable_stopping()->set_ignore_eos(true);
      known.request.mutable_sampling()->set_temperature(i % 3 == 0 ? 0.0F : 1.0F);
      known.request.mutable_sampling()->set_seed(i);
      known.request.mutable_sampling()->set_top_k(
          0);  // and what else a model may have as its default
      known.request.mutable_sampling()->set_top_p(1.0F);
      known.request.mutable_sampling()->set_min_p(0.0F);
      if (i % 4 == 1) known.request.mutable_penalties()->set_repetition(1.2F);
      if (i % 4 == 2) known.request.mutable_constraint()->set_regex("([A-Z][a-z]+(, |; ))*the end");
      if (i % 4 == 3) known.request.mutable_response()->set_candidates(2);
      known.request.mutable_response()->set_token_ids(true);
      known.request.mutable_response()->set_logprobs(true);
      known.answer = library.Answer(known.request);
      known_.push_back(std::move(known));
    }
  }

  client::Replicas MakeReplicas() const {
    std::vector<client::Replicas::Replica> replicas;
    for (const auto& server : servers_) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);  // they are back at once
      arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
      arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
      replicas.push_back({.address = server->address(),
                          .channel = grpc::CreateCustomChannel(
                              server->address(), grpc::InsecureChannelCredentials(), arguments)});
    }
    return {std::move(replicas), client::Replicas::Choice::kRoundRobin};
  }

  // One client: asks, reads, compares.
  void Read(client::Replicas& replicas, std::uint64_t seed) {
    std::mt19937_64 rng(seed);
    while (!stop_.load()) {
      const Known& known = known_[rng() % known_.size()];
      client::UnbrokenStream stream(replicas, known.request, {.timeout = absl::Minutes(5)});
      v1::Delta answer;
      const grpc::Status status = stream.Run([&answer](const v1::GenerateEvent& event) {
        answer.set_text(answer.text() + event.delta().text());
        answer.mutable_token_ids()->MergeFrom(event.delta().token_ids());
        answer.mutable_logprobs()->MergeFrom(event.delta().logprobs());
      });
      Count(status, answer.SerializeAsString() == known.answer.SerializeAsString(), stream.stats());
    }
  }

  void Count(const grpc::Status& status, bool same, const client::UnbrokenStream::Stats& stats) {
    const std::lock_guard lock(mu_);
    ++answers_;
    breaks_ += stats.breaks;
    retries_ += stats.retries;
    if (!status.ok()) failures_.push_back(status.error_message());
    if (status.ok() && !same) ++wrong_;
  }

  template <typename End>
  void Drill(const End& end_one) {
    client::Replicas replicas = MakeReplicas();
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kClients; ++i) {
      threads.emplace_back([this, &replicas, i] { Read(replicas, i); });
    }
    std::mt19937_64 rng(1);
    std::size_t ended = 0;
    const auto until = steady_clock::now() + Duration();
    for (; steady_clock::now() < until; ++ended) {
      std::this_thread::sleep_for(milliseconds(rng() % 400));  // a pace: nothing waits for it
      ServerUnderFire& server = *servers_[rng() % servers_.size()];
      end_one(server);
      // As rollouts do, and so that on a slow machine too some replica always serves.
      WaitUntilServing(server.address());
    }
    stop_ = true;
    for (std::thread& thread : threads) thread.join();
    std::printf(
        "drill: %zu servers ended; %zu answers, %zu streams resumed, %zu calls retried, "
        "%zu answers wrong, %zu failed\n",
        ended, answers_, breaks_, retries_, wrong_, failures_.size());
    std::fflush(stdout);
    EXPECT_GT(breaks_, 0U) << "nobody was reading when a server died: this has shown nothing";
    EXPECT_EQ(wrong_, 0U);
    for (const std::string& failure : failures_) ADD_FAILURE() << failure;
  }

  ModelFolder folder_{kContext};
  std::vector<std::unique_ptr<ServerUnderFire>> servers_;
  std::vector<Known> known_;
  std::atomic<bool> stop_ = false;
  std::mutex mu_;  // guards what follows
  std::size_t answers_ = 0;
  std::size_t breaks_ = 0;
  std::size_t retries_ = 0;
  std::size_t wrong_ = 0;
  std::vector<std::string> failures_;
};

TEST_F(KillDrill, NoClientNoticesThatServersAreKilled) {
  Drill([](ServerUnderFire& server) { server.KillAndReplace(); });
}

TEST_F(KillDrill, NoClientNoticesThatServersAreRolledOver) {
  Drill([](ServerUnderFire& server) {
    const int status = server.Replace();
    // One that has only just been started may not have taken its signals yet.
    EXPECT_TRUE(status == 0 || status == -SIGTERM) << status;
  });
}

}  // namespace
}  // namespace cascade::testing
