// SPDX-License-Identifier: Apache-2.0
// An RPC and its 1..n generations: what a unary call and the kinds of streams have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <list>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "server/engine/admission.h"
#include "server/engine/generation_request.h"
#include "server/engine/mutex.h"
#include "server/grpc/auth/tenant.h"
#include "server/grpc/call/answer.h"
#include "server/grpc/call/call_environment.h"
#include "server/grpc/call/call_memory.h"
#include "server/grpc/call/call_observer.h"
#include "server/grpc/call/generation.h"
#include "server/grpc/call/open_calls.h"
#include "server/grpc/call/outbox.h"

namespace cascade::server {

struct Correlation;

// How much of one generation may wait while a message of its stream is in flight. Beyond either
// the generation pauses. A slow reader therefore costs at most twice this for each generation, in
// the message that is in flight and in what gathers, beside what gRPC and the system buffer.
inline constexpr Backlog kMaxUnsent = {.tokens = 64, .bytes = 64 << 10};

// For a call that sends nothing before its generations have ended.
inline constexpr Backlog kUnlimited = {.tokens = std::numeric_limits<std::size_t>::max(),
                                       .bytes = std::numeric_limits<std::size_t>::max()};

// The half of a call that its generations and the outbox see. A reactor derives from it: the other
// half is gRPC's.
//
//   worker's thread --OnStep--> Generation --MustPost, Post--> Outbox --Send--> reactor --> gRPC
//
// Lifetime. The service creates a reactor with `new`, adds its generations, gives their requests to
// the worker and then calls the reactor's Accept; the reactor deletes itself and its generations in
// OnDone. gRPC calls OnDone only after Finish. The reactor calls Finish only when nobody else can
// use the call or one of its generations any more:
//   - the worker: `running_` is 0, so every generation has had its last call. Generation::End
//     counts under the lock and touches neither object after it, unless it has just posted the call
//   - the service and the outbox: `posted_` is false. It is true from the beginning until Accept,
//     and from each Post until Send
//   - gRPC: no write is in flight (WriteLoop sees to it)
// All three are read and changed under the call's lock. The thread that makes the last of them true
// decides under that same lock to finish, so exactly one thread does, as the last thing it does.
// GenerationIndex may reach a generation's flag until the generation is deleted, under its own
// lock.
//
// A stream whose client may send further requests adds generations and drops them as it goes. It
// does so while it has a read of its own in flight or a request in hand, and does not finish
// before.
//
// A call of many requests adds all its generations at the beginning and puts their requests off:
// only so many are at the worker at once as it has places. When one ends, the call is posted, and
// its Send hands over the next. A request that waits counts as running, so the call does not end
// before it.
//
// Threads. The call's lock belongs to the reactor and guards the generations' answers too.
class GenerationCall : protected Outbox::Sender {
 public:
  GenerationCall(const GenerationCall&) = delete;
  GenerationCall& operator=(const GenerationCall&) = delete;

  // What the call holds until it is over. For the service, before Accept.
  CallMemory::Share& memory() { return memory_; }
  TenantPermit& tenant_permit() { return tenant_permit_; }

  // For a call of more requests than it may have at the worker at once. `places` says how many
  // these are; the call keeps them for as long as it needs them. For the service, before PutOff.
  void HoldPlaces(std::vector<Admission::Permit> places) ABSL_LOCKS_EXCLUDED(call_mu_);

  // Keeps `request`, whose sink is one of the call's generations, until there is a place for it,
  // and, unless `after` is null, that generation of the call has ended. Without memory for that it
  // ends. Before Accept.
  void PutOff(GenerationRequest request, const Generation* after) noexcept
      ABSL_LOCKS_EXCLUDED(call_mu_);

  // Hands the first of them to the worker. The others follow as those end, even while the server
  // drains. Before Accept. May throw std::bad_alloc.
  void SubmitFirst() ABSL_LOCKS_EXCLUDED(call_mu_);

 protected:
  // A request that waits for its place.
  struct Waiting {
    GenerationRequest request;
    const Generation* after;
  };

  // Requests whose time has come. The worker does not end before they, or those that still wait,
  // have reached it.
  struct Due {
    std::list<Waiting> requests;
    std::shared_ptr<void> expected;
  };

  // How the generations of one call depend on each other.
  enum class Fate : std::uint8_t {
    kShared,  // the first failure is the call's outcome and cancels the others; all end with it
    kOwn,     // a failure is told by the encoder, and the others go on; each ends by itself
  };

  // Borrows `mu`, the lock of the reactor that derives from this; `context`, which is gRPC's; and
  // `environment`.
  GenerationCall(const MethodName& method, Mutex& mu, grpc::CallbackServerContext& context,
                 const CallEnvironment& environment, const Backlog& max_unsent, Fate fate);
  ~GenerationCall();

  // A new generation, which is running from now on; cancelled, if the call's others were. REQUIRES:
  // the call cannot finish meanwhile, because it is not accepted yet or for a reason of its own.
  Generation& AddGeneration(Answer answer, Admission::Permit open)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(call_mu_);

  // Tells the observer of the end of a generation and deletes it. The following generations move
  // up. REQUIRES: it has an outcome, and the call is released.
  void DropGeneration(std::size_t index) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(call_mu_);

  // Under the lock: whether the reactor could send something now if it were asked to.
  virtual bool CanSend() const = 0;

  // The service or the outbox lets go of the call. It decides under the same lock what to do next.
  void Release() ABSL_EXCLUSIVE_LOCKS_REQUIRED(call_mu_) { posted_ = false; }

  // False while the service or the outbox has the call: then only they may send or finish.
  bool released() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(call_mu_) { return !posted_; }

  // True once the worker has ended every generation.
  bool ended() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(call_mu_) { return running_ == 0; }

  Fate fate() const { return fate_; }

  // The requests whose time has come: those that there are places for, or all that wait if the call
  // was cancelled. Whoever takes them calls SubmitDue as soon as the lock is free.
  Due TakeDue() noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(call_mu_);

  // Hands them to the worker, or ends them if they were cancelled. The call may be gone
  // afterwards, unless a write of it is in flight.
  static void SubmitDue(const CallEnvironment& environment, Due due) noexcept;

  const CallEnvironment& environment() const { return environment_; }

  // How the first generation that failed did. OK if none has, or if each has its own fate.
  const absl::Status& failure() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(call_mu_) { return failure_; }

  std::size_t generations() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(call_mu_) {
    return generations_.size();
  }
  Answer& answer(std::size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(call_mu_);

  // Has the worker end all generations, those that are added later included.
  void CancelAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(call_mu_);

  // The client cancelled. Wakes the worker, which may sleep if all that it has is stalled.
  void CancelByClient() ABSL_LOCKS_EXCLUDED(call_mu_);

  // Looks which generations are stalled. True if the worker must be woken.
  bool UpdateStalls() ABSL_EXCLUSIVE_LOCKS_REQUIRED(call_mu_);

  // The client has taken a message: if the generations have ended, it has as long again for the
  // rest.
  void ExtendGrace() ABSL_EXCLUSIVE_LOCKS_REQUIRED(call_mu_);

  // Adds retry advice to `status` if the call was refused for lack of a place or of memory, before
  // any of its generations started. Before Finish.
  void AdviseRetry(absl::Status& status) noexcept ABSL_LOCKS_EXCLUDED(call_mu_);

  // Tells the observer of the generations and of the call. For OnDone.
  void TellEnd(const absl::Status& status) noexcept ABSL_LOCKS_EXCLUDED(call_mu_);

  void WakeWorker() const { environment_.wake_worker(); }

  // The call's place among those that are open.
  OpenCalls::Ticket& ticket() { return ticket_; }

  // Tells Clang's analysis that the reactor's lock, which is held, is `call_mu_`.
  void AssertLocked() const ABSL_ASSERT_EXCLUSIVE_LOCK(call_mu_) {}

 private:
  friend class Generation;

  // For a generation that has something new for the reactor. True if it must call Post as soon as
  // the lock is free.
  bool MustPost() ABSL_EXCLUSIVE_LOCKS_REQUIRED(call_mu_);
  void Post() { environment_.outbox.Post(*this); }

  // Tells the observer of a generation that has ended.
  void TellEndOf(std::size_t index, const Correlation& correlation,
                 const absl::Status& status) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(call_mu_);

  // Whether a request waits whose time has come: the first of them, or the end.
  std::list<Waiting>::iterator FindDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(call_mu_);

  // A generation has had its last call from the worker: its tenant pays, and with the last one
  // gives the place back, before the client can hear of the end and send the next request.
  void CountEnd(const Answer& answer) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(call_mu_);

  const BegunCall begun_;
  Mutex& call_mu_;
  grpc::CallbackServerContext& context_;
  const CallEnvironment& environment_;
  const Backlog max_unsent_;
  const Fate fate_;
  CallMemory::Share memory_;
  TenantPermit tenant_permit_;
  OpenCalls::Ticket ticket_;
  bool posted_ ABSL_GUARDED_BY(call_mu_) = true;
  bool cancelled_ ABSL_GUARDED_BY(call_mu_) = false;
  std::size_t running_ ABSL_GUARDED_BY(call_mu_) = 0;  // generations without an outcome
  std::list<Waiting> waiting_ ABSL_GUARDED_BY(call_mu_);
  std::shared_ptr<void> expected_ ABSL_GUARDED_BY(call_mu_);  // Worker::Expect, while any waits
  std::vector<Admission::Permit> places_ ABSL_GUARDED_BY(call_mu_);
  bool has_submitted_ ABSL_GUARDED_BY(call_mu_) = false;  // the first that waited
  std::size_t in_places_ ABSL_GUARDED_BY(call_mu_) = 0;   // that have waited, and have no outcome
  absl::Status failure_ ABSL_GUARDED_BY(call_mu_);
  std::vector<std::unique_ptr<Generation>> generations_ ABSL_GUARDED_BY(call_mu_);
};

}  // namespace cascade::server
