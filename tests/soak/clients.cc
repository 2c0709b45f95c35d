// SPDX-License-Identifier: Apache-2.0

#include "tests/soak/clients.h"

#include <chrono>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace cascade::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

// No call of a soak takes so long: one that gets here was left without a status.
constexpr std::chrono::seconds kLastResort{120};

// Of a continuation whose score has not come: no sum of log-probabilities.
constexpr double kNoSum = 1;

// How a call behaves. At most one of them.
struct Character {
  std::optional<std::uint32_t> deadline_ms;   // hurried
  std::optional<std::uint32_t> leaves_after;  // cancels after so many messages
  std::uint32_t stalls_ms = 0;                // stops reading for so long after the first message
};

Character DrawCharacter(std::mt19937_64& rng) {
  const auto below = [&rng](std::uint32_t end) { return static_cast<std::uint32_t>(rng() % end); };
  Character character;
  switch (below(6)) {
    case 0:
      character.deadline_ms = 1 + below(60);
      break;
    case 1:
      character.leaves_after = below(20);
      break;
    case 2:
      character.stalls_ms = below(8) == 0 ? 2500 : 20 + below(400);
      break;
    default:
      break;
  }
  return character;
}

bool IsBeginning(const v1::Delta& part, const v1::Delta& whole) {
  if (part.token_ids_size() > whole.token_ids_size()) return false;
  if (whole.text().compare(0, part.text().size(), part.text()) != 0) return false;
  for (int i = 0; i < part.token_ids_size(); ++i) {
    if (part.token_ids(i) != whole.token_ids(i)) return false;
    if (part.logprobs(i).logprob() != whole.logprobs(i).logprob()) return false;
  }
  return true;
}

bool MayEndWith(const Character& character, bool server_went, grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::OK:
    case grpc::StatusCode::UNAVAILABLE:         // the server goes, or is gone
    case grpc::StatusCode::RESOURCE_EXHAUSTED:  // it is full
      return true;
    case grpc::StatusCode::CANCELLED:
      // A call that comes while the listener closes may be reset by gRPC itself.
      return character.leaves_after.has_value() || server_went;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return character.deadline_ms.has_value();
    case grpc::StatusCode::ABORTED:
      return character.stalls_ms > 0;
    default:
      return false;
  }
}

void Append(const v1::Delta& delta, v1::Delta& answer) {
  answer.mutable_text()->append(delta.text());
  answer.mutable_token_ids()->MergeFrom(delta.token_ids());
  answer.mutable_logprobs()->MergeFrom(delta.logprobs());
}

void Call(const ServerUnderFire& server, v1::TextGeneration::Stub& stub, const Known& known,
          const Character& character, Findings& findings) {
  const std::size_t changes = server.changes().load();
  grpc::ClientContext context;
  context.set_deadline(character.deadline_ms
                           ? system_clock::now() + milliseconds(*character.deadline_ms)
                           : system_clock::now() + kLastResort);
  const auto reader = stub.GenerateStream(&context, known.request);
  v1::Delta answer;
  v1::GenerateEvent event;
  for (std::uint32_t messages = 0;; ++messages) {
    if (character.leaves_after == messages) context.TryCancel();
    if (!reader->Read(&event)) break;
    if (event.has_delta()) Append(event.delta(), answer);
    if (messages == 0) std::this_thread::sleep_for(milliseconds(character.stalls_ms));
  }
  const grpc::Status status = reader->Finish();
  findings.Count(status.error_code());
  const bool server_went = changes % 2 == 1 || changes != server.changes().load();
  if (!MayEndWith(character, server_went, status.error_code())) {
    findings.Violation(
        absl::StrCat("a call ended with ", status.error_code(), ": ", status.error_message()));
  }
  // Who leaves may have missed the rest of an answer that had ended well.
  const bool has_all = answer.token_ids_size() == known.answer.token_ids_size();
  if (!IsBeginning(answer, known.answer) || (status.ok() && !character.leaves_after && !has_all)) {
    findings.Violation(absl::StrCat("a wrong answer, with status ", status.error_code(), ": ",
                                    answer.ShortDebugString(),
                                    "\nshould be: ", known.answer.ShortDebugString()));
  }
}

}  // namespace

void Findings::Count(grpc::StatusCode code) {
  const server::MutexLock lock(mu_);
  ++codes_[code];
}

void Findings::Violation(const std::string& what) {
  const server::MutexLock lock(mu_);
  violations_.push_back(what);
}

std::map<grpc::StatusCode, std::size_t> Findings::codes() const {
  const server::MutexLock lock(mu_);
  return codes_;
}

std::vector<std::string> Findings::violations() const {
  const server::MutexLock lock(mu_);
  return violations_;
}

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // small windows: it takes little to fill them
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

void RunClient(const ServerUnderFire& server, const std::vector<Known>& known, std::uint64_t seed,
               const std::atomic<bool>& stop, Findings& findings) {
  std::mt19937_64 rng(seed);
  std::shared_ptr<grpc::Channel> channel = Connect(server.address());
  while (!stop.load()) {
    if (rng() % 16 == 0)
      channel = Connect(server.address());  // a client that goes and one that comes
    const auto stub = v1::TextGeneration::NewStub(channel);
    Call(server, *stub, known[rng() % known.size()], DrawCharacter(rng), findings);
  }
}

grpc::Status Score(v1::TextGeneration::Stub& stub, const v1::ScoreRequest& request,
                   std::vector<double>& sums) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(system_clock::now() + kLastResort);
  const auto reader = stub.Score(&context, request);
  sums.assign(static_cast<std::size_t>(request.items(0).continuations_size()), kNoSum);
  v1::ScoreEvent event;
  while (reader->Read(&event)) {
    if (event.has_score()) sums.at(event.score().continuation()) = event.score().logprob();
  }
  return reader->Finish();
}

void RunScorer(const ServerUnderFire& server, const KnownScore& known,
               const std::atomic<bool>& stop, Findings& findings) {
  const auto stub = v1::TextGeneration::NewStub(Connect(server.address()));
  while (!stop.load()) {
    const std::size_t changes = server.changes().load();
    std::vector<double> sums;
    const grpc::Status status = Score(*stub, known.request, sums);
    findings.Count(status.error_code());
    const bool server_went = changes % 2 == 1 || changes != server.changes().load();
    if (!MayEndWith({}, server_went, status.error_code())) {
      findings.Violation(
          absl::StrCat("Score ended with ", status.error_code(), ": ", status.error_message()));
    }
    for (std::size_t i = 0; i < sums.size(); ++i) {
      if (sums[i] == known.sums[i] || (!status.ok() && sums[i] == kNoSum)) continue;
      findings.Violation(absl::StrCat("continuation ", i, " has the sum ", sums[i],
                                      "; should be: ", known.sums[i]));
    }
  }
}

grpc::Status Generate(v1::TextGeneration::Stub& stub, const v1::GenerateRequest& request,
                      v1::Delta& answer) {
  const auto last_resort = system_clock::now() + kLastResort;
  while (true) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(last_resort);
    const auto reader = stub.GenerateStream(&context, request);
    answer.Clear();
    v1::GenerateEvent event;
    while (reader->Read(&event)) {
      if (event.has_delta()) Append(event.delta(), answer);
    }
    grpc::Status status = reader->Finish();
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return status;
    std::this_thread::yield();  // it is still loading
  }
}

}  // namespace cascade::testing
