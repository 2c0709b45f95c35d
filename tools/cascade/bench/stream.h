// SPDX-License-Identifier: Apache-2.0
// One request of a load, from start to end.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "cascade/v1/text_generation.grpc.pb.h"
#include "tools/cascade/bench/pace.h"
#include "tools/cascade/bench/tally.h"
#include "tools/cascade/bench/workload.h"

namespace cascade::cli::bench {

class Stream;

// Is told that a stream has ended.
class StreamOwner {
 public:
  virtual ~StreamOwner() = default;

  // Called once, in a thread of gRPC's, when everything has been counted. The stream touches
  // nothing afterwards: it may be destroyed here.
  virtual void OnEnded(Stream& stream, const grpc::Status& status) = 0;
};

// A GenerateStream call that carries out its plan and reports to the tally. A message's arrival is
// the time at which gRPC calls OnReadDone. An answer that ends with OK but is not whole (its
// summary is missing, or counts other tokens than came) is counted as DATA_LOSS.
class Stream final : public grpc::ClientReadReactor<v1::GenerateEvent> {
 public:
  // `due` is the request's time, from which its latencies count. Tally and owner are borrowed.
  Stream(RequestPlan plan, Clock::time_point due, Tally& tally, StreamOwner& owner);

  // Once, with the call's deadline in `timeout`, which may be infinite. The stream must live until
  // OnEnded.
  void Start(v1::TextGeneration::Stub& stub, absl::Duration timeout);

  // Cancels the call, as on Ctrl-C. From any thread, after Start.
  void Interrupt() { Cancel(EndedBy::kInterrupt); }

 private:
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  bool IsSlow() const { return plan_.read_delay > absl::ZeroDuration(); }
  void OnDelta(std::uint32_t tokens, Clock::time_point now);
  void ReadNext();
  void Cancel(EndedBy ended_by);
  grpc::Status Checked(const grpc::Status& status) const;

  const RequestPlan plan_;
  const Clock::time_point due_;
  Tally& tally_;
  StreamOwner& owner_;
  grpc::ClientContext context_;
  std::atomic<EndedBy> ended_by_ = EndedBy::kServer;
  std::optional<grpc::Alarm> alarm_;  // for the last delay

  // Used only in the reactor's callbacks, which gRPC calls one at a time.
  v1::GenerateEvent event_;
  std::uint32_t tokens_ = 0;
  std::uint32_t first_tokens_ = 0;  // those of the first message that had some
  Clock::time_point first_;         // that message's time
  Clock::time_point last_;          // and the last one's
  std::optional<std::uint32_t> tokens_by_summary_;
};

}  // namespace cascade::cli::bench
