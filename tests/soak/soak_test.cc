// SPDX-License-Identifier: Apache-2.0
// See README.md: what is done to the server, and what must hold.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/model_folder.h"
#include "tests/soak/clients.h"
#include "tests/soak/raw_socket.h"
#include "tests/soak/server_under_fire.h"

namespace cascade::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::size_t kContext = 1024;  // positions; the KV cache has as many
// Fewer than sixteen places, so that one caller may hold all of them.
constexpr std::size_t kMaxRunning = 8;
constexpr std::size_t kMaxQueued = 7;
constexpr std::size_t kClients = 20;
constexpr seconds kRound{5};  // under fire, between two quiet moments

// More than this from one quiet moment to another is a leak, but where a sanitizer keeps what was
// freed.
#ifdef CASCADE_MEMORY_IS_QUARANTINED
constexpr std::size_t kMostGrowth = std::numeric_limits<std::size_t>::max() / 2;
#else
constexpr std::size_t kMostGrowth = std::size_t{32} << 20;
#endif

seconds Duration() {
  const char* text = std::getenv("SOAK_SECONDS");
  int value = 0;
  return seconds(text != nullptr && absl::SimpleAtoi(text, &value) ? value : 10);
}

class Soak : public ::testing::Test {
 protected:
  Soak()
      : server_({absl::StrCat("--model=", folder_.path()),
                 absl::StrCat("--kv_cache_bytes=", kContext * 2 * 8 * sizeof(float)),
                 absl::StrCat("--max_running=", kMaxRunning),
                 absl::StrCat("--max_queued=", kMaxQueued), "--step_tokens=64", "--kv_overcommit",
                 "--stalled_reader_seconds=1", "--drain_seconds=2"}) {
    LearnAnswers();
  }

  // What choosing tokens can depend on, each in some of the requests.
  static void AddFeatures(std::uint32_t i, v1::GenerateRequest& request) {
    if (i % 4 == 1) {
      request.mutable_penalties()->set_repetition(1.3F);
      request.mutable_penalties()->set_frequency(0.2F);
      request.mutable_penalties()->mutable_dry()->set_multiplier(0.8F);
      request.mutable_token_rules()->add_banned(7);
    }
    if (i % 4 == 2) request.mutable_constraint()->set_regex("([A-Z][a-z]+(, |; ))*the end");
    if (i % 4 == 3) request.mutable_constraint()->set_json_object(true);
    if (i % 8 == 5) {
      request.mutable_sampling()->mutable_best_of()->set_choices(2);
      request.mutable_sampling()->add_per_choice()->set_top_k(5);
    }
    if (i % 8 == 7) {
      request.clear_sampling();
      request.mutable_beam_search()->set_width(3);
      return;
    }
    if (i % 3 == 1) {
      request.mutable_response()->set_distribution(v1::ResponseOptions::DISTRIBUTION_PROCESSED);
      request.mutable_response()->add_candidate_ids(i);
    }
  }

  // Prompts with beginnings in common, greedy and not, short and long; their answers while nothing
  // else happens.
  void LearnAnswers() {
    const auto stub = v1::TextGeneration::NewStub(Connect(server_.address()));
    for (std::uint32_t i = 0; i < 24; ++i) {
      Known known;
      for (std::uint32_t t = 0; t < 1 + i * 13; ++t) {
        known.request.mutable_token_ids()->add_ids((t * 7 + (t < 100 ? 0 : i)) % 4000);
      }
      known.request.mutable_stopping()->set_max_new_tokens(1 + i * 17 % 200);
      known.request.mutable_stopping()->set_ignore_eos(true);
      known.request.mutable_sampling()->set_temperature(i % 2 == 0 ? 0.0F : 1.0F);
      known.request.mutable_sampling()->set_seed(i);
      known.request.mutable_response()->set_token_ids(true);
      known.request.mutable_response()->set_logprobs(true);
      AddFeatures(i, known.request);
      const grpc::Status status = Generate(*stub, known.request, known.answer);
      ASSERT_TRUE(status.ok()) << status.error_message();
      known_.push_back(std::move(known));
    }
    v1::ScoreRequest::Item& item = *score_.request.add_items();
    for (std::uint32_t t = 0; t < 60; ++t)
      item.mutable_prompt()->mutable_token_ids()->add_ids(t * 7);
    for (std::uint32_t i = 1; i <= 12; ++i) {
      v1::TokenIds& ids = *item.add_continuations()->mutable_token_ids();
      for (std::uint32_t t = 0; t < i; ++t) ids.add_ids(i * 31 + t);
    }
    const grpc::Status status = Score(*stub, score_.request, score_.sums);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }

  // Runs `body` over and over on a thread of its own until the round is over.
  void Start(const std::function<void(std::mt19937_64&)>& body) {
    threads_.emplace_back([this, body, seed = rng_()] {
      std::mt19937_64 rng(seed);
      while (!stop_.load()) body(rng);
    });
  }

  void Fire(bool with_operator) {
    stop_ = false;
    for (std::size_t i = 0; i < kClients; ++i) {
      threads_.emplace_back(
          [this, seed = rng_()] { RunClient(server_, known_, seed, stop_, findings_); });
    }
    threads_.emplace_back([this] { RunScorer(server_, score_, stop_, findings_); });
    Start([this](std::mt19937_64& rng) {
      SendGarbage(server_.port(), static_cast<std::uint32_t>(rng() % 300), rng);
    });
    if (with_operator) {
      Start([this](std::mt19937_64& rng) {
        std::this_thread::sleep_for(milliseconds(300 + rng() % 1000));
        if (rng() % 3 != 0) return server_.Freeze(static_cast<std::uint32_t>(rng() % 400));
        if (const int status = server_.Replace(); status != 0) {
          findings_.Violation(absl::StrCat("SIGTERM ended the server with ", status));
        }
      });
    }
    std::this_thread::sleep_for(std::min<steady_clock::duration>(kRound, Duration()));
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  // Nothing is left of what was there before: every block and every place is to be had.
  void CheckQuiet() {
    const auto stub = v1::TextGeneration::NewStub(Connect(server_.address()));
    v1::GenerateRequest all;
    all.mutable_token_ids()->add_ids(1);
    all.mutable_stopping()->set_max_new_tokens(kContext);
    all.mutable_stopping()->set_ignore_eos(true);
    v1::Delta answer;
    const grpc::Status status = Generate(*stub, all, answer);
    EXPECT_TRUE(status.ok()) << "blocks were lost: " << status.error_message();

    std::vector<std::thread> callers;
    std::atomic<std::size_t> accepted = 0;
    for (std::size_t i = 0; i < kMaxRunning + kMaxQueued; ++i) {
      callers.emplace_back([&, i] {
        v1::Delta part;
        const Known& known = known_[i % known_.size()];
        if (Generate(*stub, known.request, part).ok()) accepted.fetch_add(1);
      });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(accepted.load(), kMaxRunning + kMaxQueued) << "places were lost";
  }

  void CheckMemory() {
    const std::size_t now = server_.ResidentBytes();
    if (server_.changes() != measured_) {
      measured_ = server_.changes();
      resident_ = now;
    }
    EXPECT_LE(now, resident_ + kMostGrowth) << "the server's memory grew";
  }

  void Report() const {
    std::printf("soak: %zu servers;", server_.changes() / 2 + 1);
    for (const auto& [code, count] : findings_.codes())
      std::printf(" %zu ended with %d", count, code);
    std::printf("; %zu bytes resident\n", server_.ResidentBytes());
    std::fflush(stdout);
  }

  ModelFolder folder_{kContext};
  ServerUnderFire server_;
  std::vector<Known> known_;
  KnownScore score_;
  Findings findings_;
  std::mt19937_64 rng_{20261123};
  std::atomic<bool> stop_ = false;
  std::vector<std::thread> threads_;
  std::size_t measured_ = static_cast<std::size_t>(-1);
  std::size_t resident_ = 0;
};

TEST_F(Soak, NothingIsLostUnderFire) {
  const auto end = steady_clock::now() + Duration();
  for (int round = 0; steady_clock::now() < end && !HasFailure(); ++round) {
    Fire(/*with_operator=*/round % 2 == 0);
    CheckQuiet();
    CheckMemory();
    Report();
    for (const std::string& violation : findings_.violations()) ADD_FAILURE() << violation;
  }
  EXPECT_EQ(server_.End(), 0);
  if (HasFailure()) std::printf("the server's log ends with\n%s\n", server_.LogTail().c_str());
}

}  // namespace
}  // namespace cascade::testing
