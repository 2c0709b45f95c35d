// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/vllm/kv_event_feed.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/engine/clock.h"
#include "server/engine/prefix_log.h"
#include "server/engine/worker.h"
#include "server/grpc/backend.h"
#include "server/grpc/call/short_stream.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/method.h"
#include "server/grpc/request/parse.h"
#include "server/grpc/serving.h"
#include "server/grpc/vllm/kv_event_messages.h"
#include "server/grpc/vllm/load.h"
#include "server/grpc/vllm/time_of_day.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

using Batch = common_pb::KvEventBatch;

constexpr auto kPeriod = std::chrono::milliseconds(10);

// A load that has changed is told after the first, one that has not after the second.
constexpr absl::Duration kLoadPeriod = absl::Milliseconds(100);
constexpr absl::Duration kHeartbeat = absl::Seconds(1);

// A message with the events of one step. The largest has a step's prompts and as many evictions.
constexpr std::size_t kHeldBytes = std::size_t{256} << 10;

}  // namespace

// One call.
class KvEventFeed::Subscriber final : public ShortStream<Batch>,
                                      public std::enable_shared_from_this<Subscriber> {
 public:
  Subscriber(KvEventFeed& feed, const MethodName& method, grpc::CallbackServerContext& context)
      : ShortStream(method, context, feed.serving_.environment()), feed_(feed) {}

  // Where to begin. Before Accept. OUT_OF_RANGE if that is not kept.
  absl::Status SeekTo(const common_pb::SubscribeKvEventsRequest& request,
                      const PrefixLog::Range& kept) ABSL_LOCKS_EXCLUDED(mu_) {
    const std::uint64_t start = request.start_sequence_number();
    if (start != 0 && (start < kept.oldest || start > kept.next)) {
      return absl::OutOfRangeError(absl::StrCat("start_sequence_number is ", start, "; batches ",
                                                kept.oldest, " to ", kept.next - 1,
                                                " are kept; subscribe from 0"));
    }
    const MutexLock lock(mu_);
    next_ = start != 0 ? start : kept.oldest == 1 ? 1 : kept.next;
    tells_load_ = request.load_records_before_first_batch();
    return absl::OkStatus();
  }

  // There may be something new. Any thread; also when the call is over.
  void Wake() { Advance(); }

 private:
  Next TakeMessage(Batch& batch, absl::Status& status) noexcept override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    try {
      return TakeMessageOrThrow(batch, status);
    } catch (const std::bad_alloc&) {
      status = StatusOrItsCode(absl::StatusCode::kResourceExhausted,
                               "memory ran out while events were told");
      return Next::kFinish;
    }
  }

  Next TakeMessageOrThrow(Batch& batch, absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const absl::StatusOr<const Backend*> backend = feed_.serving_.Available();
    if (!backend.ok()) {
      status = backend.status();  // a gateway is to send nothing here while the server drains
      return Next::kFinish;
    }
    const Backend& model = **backend;
    const std::shared_ptr<const PrefixEvents> events = model.worker.prefixes().Find(next_);
    if (events != nullptr) {
      batch.Clear();
      FillEvents(*events, batch);
      sent_ = next_++;
      tells_load_ = true;
      AddLoad(model, batch);
      return Next::kWrite;
    }
    const PrefixLog::Range kept = model.worker.prefixes().range();
    if (next_ < kept.oldest) {
      const std::uint64_t behind = kept.next - next_;
      Log(LogLevel::kWarning, "a subscriber to KV events did not read and is ended",
          {{"batches_behind", behind}});
      status = absl::AbortedError(absl::StrCat(
          "the subscriber is ", behind, " batches behind, more than are kept; subscribe from 0"));
      return Next::kFinish;
    }
    return tells_load_ && LoadIsDue(model) ? TakeLoad(model, batch) : Next::kNothing;
  }

  bool LoadIsDue(const Backend& model) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const absl::Duration since = MonotonicNow() - told_;
    if (since >= kHeartbeat) return true;
    if (since < kLoadPeriod) return false;
    const WorkerStats stats = model.worker.stats();
    return stats.running != running_ || stats.queued != queued_;
  }

  Next TakeLoad(const Backend& model, Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    batch.Clear();
    batch.set_sequence_number(sent_);
    batch.mutable_load()->set_load_only(true);
    AddLoad(model, batch);
    return Next::kWrite;
  }

  void AddLoad(const Backend& model, Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const WorkerStats stats = model.worker.stats();
    FillLoad(stats, model.info.max_running, *batch.mutable_load());
    batch.mutable_load()->set_sample(++samples_);
    batch.set_timestamp(SecondsSince1970());
    running_ = stats.running;
    queued_ = stats.queued;
    told_ = MonotonicNow();
  }

  void Destroy() noexcept override { feed_.Forget(shared_from_this()); }

  KvEventFeed& feed_;
  std::uint64_t next_ ABSL_GUARDED_BY(mu_) = 1;     // the batch that comes next
  std::uint64_t sent_ ABSL_GUARDED_BY(mu_) = 0;     // the last one
  bool tells_load_ ABSL_GUARDED_BY(mu_) = false;    // alone, between batches
  std::uint64_t samples_ ABSL_GUARDED_BY(mu_) = 0;  // loads that were told
  std::size_t running_ ABSL_GUARDED_BY(mu_) = 0;    // when that was last done
  std::size_t queued_ ABSL_GUARDED_BY(mu_) = 0;     // likewise
  absl::Time told_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

KvEventFeed::~KvEventFeed() {
  std::thread thread;
  {
    const MutexLock lock(mu_);
    ending_ = true;
    thread = std::move(thread_);
    changed_.notify_all();
  }
  if (thread.joinable()) thread.join();
}

grpc::ServerWriteReactor<Batch>* KvEventFeed::Begin(grpc::CallbackServerContext& context,
                                                    const grpc::ByteBuffer& bytes) {
  static constexpr MethodName kMethod = {kVllmEngine, "SubscribeKvEvents"};
  const auto subscriber = std::make_shared<Subscriber>(*this, kMethod, context);
  {
    const MutexLock lock(mu_);
    if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
    subscribers_.insert(subscriber);
    changed_.notify_all();
  }
  Subscriber* const call = subscriber.get();
  const auto work = [this, &bytes, call](const std::shared_ptr<Tenant>&) -> absl::Status {
    common_pb::SubscribeKvEventsRequest request;
    if (absl::Status status = Parse(bytes, request); !status.ok()) return status;
    const absl::StatusOr<const Backend*> backend = serving_.Available();
    if (!backend.ok()) return backend.status();
    if (!call->memory().TryGrow(kHeldBytes)) return serving_.memory().Full();
    const PrefixLog::Range kept = (*backend)->worker.prefixes().range();
    if (absl::Status status = call->SeekTo(request, kept); !status.ok()) return status;
    call->Accept();
    return absl::OkStatus();
  };
  return server::Begin(serving_, context, bytes, call, work);
}

void KvEventFeed::Run() {
  std::vector<std::shared_ptr<Subscriber>> awake;
  while (true) {
    {
      const MutexLock lock(mu_);
      while (!ending_ && subscribers_.empty()) changed_.wait(mu_);
      if (!ending_) changed_.wait_for(mu_, kPeriod);
      if (ending_) return;
      try {
        awake.assign(subscribers_.begin(), subscribers_.end());
      } catch (const std::bad_alloc&) {
        continue;  // the next time, perhaps
      }
    }
    for (const std::shared_ptr<Subscriber>& subscriber : awake) subscriber->Wake();
    awake.clear();
  }
}

void KvEventFeed::Forget(const std::shared_ptr<Subscriber>& subscriber) {
  const MutexLock lock(mu_);
  subscribers_.erase(subscriber);
}

}  // namespace cascade::server
