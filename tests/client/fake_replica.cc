// SPDX-License-Identifier: Apache-2.0

#include "tests/client/fake_replica.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::testing {
namespace {

constexpr std::uint64_t kMostTokens = 7;

std::uint64_t SeedOf(const v1::GenerateRequest& request, std::size_t choice) {
  const v1::SamplingParams& sampling = request.sampling();
  const int index = static_cast<int>(choice);
  if (index < sampling.per_choice_size() && sampling.per_choice(index).has_seed()) {
    return sampling.per_choice(index).seed();
  }
  return sampling.seed() + choice;
}

// How one choice is drawn, as far as it makes a difference.
std::uint64_t DrawnWith(const v1::GenerateRequest& request, std::size_t choice) {
  const int index = static_cast<int>(choice);
  const bool own = index < request.sampling().per_choice_size();
  return SeedOf(request, choice) * 10 + (own ? request.sampling().per_choice(index).top_k() : 0);
}

// The tokens of one choice: a function of what it is drawn with alone.
std::vector<std::uint32_t> TokensOf(std::uint64_t drawn_with) {
  std::vector<std::uint32_t> tokens;
  for (std::uint64_t i = 0; i < 1 + drawn_with % kMostTokens; ++i) {
    tokens.push_back(static_cast<std::uint32_t>((drawn_with * 31 + i * 17) % 1000));
  }
  return tokens;
}

// Every third token is only the beginning of a character.
std::string TextOf(std::uint32_t token) { return token % 3 == 0 ? "" : absl::StrCat(token, " "); }

v1::GenerateEvent Prompt(const v1::GenerateRequest& request, const std::string& fingerprint) {
  v1::GenerateEvent event;
  event.mutable_prompt()->set_prompt_tokens(4);
  event.mutable_prompt()->set_seed(SeedOf(request, 0));
  event.mutable_prompt()->set_fingerprint(fingerprint);
  return event;
}

v1::GenerateEvent Delta(const v1::GenerateRequest& request, std::size_t choice,
                        std::uint32_t token) {
  v1::GenerateEvent event;
  v1::Delta& delta = *event.mutable_delta();
  delta.set_index(static_cast<std::uint32_t>(choice));
  delta.set_text(TextOf(token));
  if (request.response().token_ids()) delta.add_token_ids(token);
  if (request.response().logprobs()) {
    v1::TokenLogProbs& logprobs = *delta.add_logprobs();
    logprobs.set_token_id(token);
    logprobs.set_logprob(-0.25F * static_cast<float>(token));
  }
  return event;
}

v1::GenerateEvent Finish(const v1::GenerateRequest& request, std::size_t choice,
                         std::size_t tokens) {
  v1::GenerateEvent event;
  event.mutable_finish()->set_index(static_cast<std::uint32_t>(choice));
  event.mutable_finish()->set_reason(v1::FINISH_REASON_EOS);
  event.mutable_finish()->set_generated_tokens(static_cast<std::uint32_t>(tokens));
  event.mutable_finish()->set_seed(SeedOf(request, choice));
  return event;
}

}  // namespace

std::vector<v1::GenerateEvent> FakeAnswer(const v1::GenerateRequest& request,
                                          const std::string& fingerprint) {
  std::vector<v1::GenerateEvent> events = {Prompt(request, fingerprint)};
  const std::size_t choices = std::max(request.sampling().n(), 1U);
  const auto had = static_cast<std::size_t>(request.resume().token_ids_size());
  std::uint32_t generated = 0;
  for (std::size_t i = had; i < kMostTokens + 1; ++i) {  // the choices take turns
    for (std::size_t choice = 0; choice < choices; ++choice) {
      const std::vector<std::uint32_t> tokens = TokensOf(DrawnWith(request, choice));
      if (i < tokens.size()) events.push_back(Delta(request, choice, tokens[i]));
      if (std::max(i, had) + 1 != std::max(tokens.size(), had + 1)) continue;
      events.push_back(Finish(request, choice, tokens.size()));
      generated += static_cast<std::uint32_t>(tokens.size());
    }
  }
  v1::GenerateEvent summary;
  summary.mutable_summary()->mutable_usage()->set_prompt_tokens(4);
  summary.mutable_summary()->mutable_usage()->set_generated_tokens(generated);
  summary.mutable_summary()->set_fingerprint(fingerprint);
  events.push_back(summary);
  return events;
}

FakeReplica::FakeReplica(std::string fingerprint) : fingerprint_(std::move(fingerprint)) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeReplica::~FakeReplica() { server_->Shutdown(std::chrono::system_clock::now()); }

void FakeReplica::Plan(std::deque<Fate> fates) {
  const std::lock_guard lock(mu_);
  fates_ = std::move(fates);
}

std::vector<v1::GenerateRequest> FakeReplica::requests() const {
  const std::lock_guard lock(mu_);
  return requests_;
}

std::size_t FakeReplica::cancelled() const {
  const std::lock_guard lock(mu_);
  return cancelled_;
}

std::shared_ptr<grpc::Channel> FakeReplica::NewChannel() const {
  return grpc::CreateChannel(address_, grpc::InsecureChannelCredentials());
}

grpc::Status FakeReplica::GenerateStream(grpc::ServerContext* context,
                                         const v1::GenerateRequest* request,
                                         grpc::ServerWriter<v1::GenerateEvent>* writer) {
  Fate fate;
  {
    const std::lock_guard lock(mu_);
    requests_.push_back(*request);
    if (!fates_.empty()) {
      fate = fates_.front();
      fates_.pop_front();
    }
  }
  const std::string& theirs = request->resume().fingerprint();
  if (!theirs.empty() && theirs != fingerprint_) {
    return {grpc::StatusCode::FAILED_PRECONDITION, "of another fingerprint"};
  }
  for (const v1::GenerateEvent& event : FakeAnswer(*request, fingerprint_)) {
    if (fate.events == 0) break;
    --fate.events;
    writer->Write(event);
    if (event.has_summary() && fate.events > 0) return grpc::Status::OK;
  }
  if (fate.waits) {
    while (!context->IsCancelled()) std::this_thread::yield();
    const std::lock_guard lock(mu_);
    ++cancelled_;
  }
  if (!fate.pushback_ms.empty()) {
    context->AddTrailingMetadata("grpc-retry-pushback-ms", fate.pushback_ms);
  }
  return fate.status;
}

}  // namespace cascade::testing
