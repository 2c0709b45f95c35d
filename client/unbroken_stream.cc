// SPDX-License-Identifier: Apache-2.0

#include "client/unbroken_stream.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/time/clock.h"

namespace cascade::client {
namespace {

constexpr std::size_t kMostFailures = 8;  // in a row
constexpr absl::Duration kFirstPause = absl::Milliseconds(50);
constexpr absl::Duration kLongestPause = absl::Seconds(2);

// What the server, or gRPC, asks those to wait who were refused; zero if it says nothing.
absl::Duration PushbackOf(const grpc::ClientContext& context) {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto found = trailers.find("grpc-retry-pushback-ms");
  std::int64_t milliseconds = 0;
  if (found == trailers.end() ||
      !absl::SimpleAtoi(absl::string_view(found->second.data(), found->second.size()),
                        &milliseconds) ||
      milliseconds < 0) {
    return absl::ZeroDuration();
  }
  return absl::Milliseconds(milliseconds);
}

// Whether another replica may do better. A connection that breaks is UNAVAILABLE to gRPC; a proxy
// in between may end the stream in its own way.
bool IsWorthAnotherTry(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DATA_LOSS:            // it ended early
    case grpc::StatusCode::RESOURCE_EXHAUSTED:   // it is full
    case grpc::StatusCode::FAILED_PRECONDITION:  // of another fingerprint
      return true;
    case grpc::StatusCode::CANCELLED:
      // gRPC's own word, of a server that has gone while a call was open. (Of a call that was
      // aborted the server says so.)
      return status.error_message() == "CANCELLED";
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::UNKNOWN:
      return absl::StrContains(status.error_message(), "RST_STREAM") ||
             absl::StrContains(status.error_message(), "Stream removed");
    default:
      return false;
  }
}

}  // namespace

// One call. It always has one operation in its completion queue, until it has ended.
class UnbrokenStream::Attempt {
 public:
  Attempt(Replicas::OpenCall call, absl::Time deadline, grpc::CompletionQueue& queue,
          v1::TextGeneration::Stub& stub, const v1::GenerateRequest& request)
      : call_(std::move(call)) {
    if (deadline != absl::InfiniteFuture()) context_.set_deadline(absl::ToChronoTime(deadline));
    reader_ = stub.PrepareAsyncGenerateStream(&context_, request, &queue);
    reader_->StartCall(this);
  }

  // The operation is done. True if it has brought event().
  bool OnDone(bool ok) {
    switch (next_) {
      case Next::kRead:  // the call was started, or an event has come
        if (!ok) {
          next_ = Next::kEnd;
          reader_->Finish(&status_, this);
          return false;
        }
        if (std::exchange(started_, true)) return true;  // and Read is called when it was taken
        Read();
        return false;
      case Next::kEnd:
        ended_ = true;
        call_.End();
        return false;
    }
    return false;
  }

  void Read() { reader_->Read(&event_, this); }
  void Cancel() { context_.TryCancel(); }

  std::size_t replica() const { return call_.replica(); }
  bool ended() const { return ended_; }
  v1::GenerateEvent& event() { return event_; }
  const grpc::Status& status() const { return status_; }
  grpc::ClientContext& context() { return context_; }

  // Events that wait until it is known which call wins.
  std::deque<v1::GenerateEvent>& held() { return held_; }

 private:
  enum class Next : std::uint8_t { kRead, kEnd };

  Replicas::OpenCall call_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReader<v1::GenerateEvent>> reader_;
  Next next_ = Next::kRead;
  bool started_ = false;
  bool ended_ = false;
  v1::GenerateEvent event_;
  std::deque<v1::GenerateEvent> held_;
  grpc::Status status_;
};

// The calls for one stream: one, or two until one of them has a token.
class UnbrokenStream::Contest {
 public:
  Contest(UnbrokenStream& stream, OnEvent on_event)
      : stream_(stream),
        on_event_(on_event),
        request_(stream.progress_.BeginStream(absl::Now())),
        is_hedged_(stream.hedge_after_ != absl::InfiniteDuration() && stream.replicas_.size() > 1) {
  }

  ~Contest() {
    const std::lock_guard lock(stream_.mu_);
    stream_.calls_.clear();
  }

  Contest(const Contest&) = delete;
  Contest& operator=(const Contest&) = delete;

  // The replicas that may be asked, and those that may be asked second.
  grpc::Status Run(std::span<std::size_t> first, std::span<std::size_t> second) {
    Start(first);
    absl::Time hedge_at = is_hedged_ ? absl::Now() + stream_.hedge_after_ : absl::InfiniteFuture();
    while (CountOpen() > 0) {
      void* tag = nullptr;
      bool ok = false;
      switch (Await(hedge_at, tag, ok)) {
        case grpc::CompletionQueue::SHUTDOWN:
          return result_;
        case grpc::CompletionQueue::TIMEOUT:
          hedge_at = absl::InfiniteFuture();
          if (winner_ != nullptr) break;
          ++stream_.stats_.hedges;
          Start(second);
          break;
        case grpc::CompletionQueue::GOT_EVENT:
          OnDone(*static_cast<Attempt*>(tag), ok);
          break;
      }
    }
    return result_;
  }

 private:
  grpc::CompletionQueue::NextStatus Await(absl::Time until, void*& tag, bool& ok) {
    if (until == absl::InfiniteFuture()) {
      return queue_.Next(&tag, &ok) ? grpc::CompletionQueue::GOT_EVENT
                                    : grpc::CompletionQueue::SHUTDOWN;
    }
    return queue_.AsyncNext(&tag, &ok, absl::ToChronoTime(until));
  }

  std::size_t CountOpen() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(attempts_, [](const auto& attempt) { return !attempt->ended(); }));
  }

  void Start(std::span<std::size_t> order) {
    Replicas::OpenCall call = stream_.replicas_.Begin(order);
    v1::TextGeneration::Stub& stub = stream_.replicas_.stub(call.replica());
    attempts_.push_back(
        std::make_unique<Attempt>(std::move(call), stream_.deadline_, queue_, stub, request_));
    const std::lock_guard lock(stream_.mu_);
    stream_.calls_.push_back(&attempts_.back()->context());
    if (stream_.cancelled_) attempts_.back()->Cancel();
  }

  void OnDone(Attempt& attempt, bool ok) {
    if (attempt.OnDone(ok)) {
      TakeEvent(attempt);
      attempt.Read();
    } else if (attempt.ended()) {
      TakeEnd(attempt);
    }
  }

  void TakeEvent(Attempt& attempt) {
    if (winner_ != nullptr && winner_ != &attempt) return;  // it is being cancelled
    if (winner_ == nullptr && is_hedged_ && attempt.event().has_prompt()) {
      attempt.held().push_back(std::move(attempt.event()));
      attempt.event().Clear();
      return;
    }
    if (winner_ == nullptr) Win(attempt);
    stream_.progress_.Take(attempt.event(), on_event_);
  }

  void Win(Attempt& attempt) {
    winner_ = &attempt;
    for (const auto& other : attempts_) {
      if (other.get() != winner_) other->Cancel();
    }
    for (v1::GenerateEvent& event : attempt.held()) stream_.progress_.Take(event, on_event_);
  }

  void TakeEnd(Attempt& attempt) {
    if (winner_ != nullptr && winner_ != &attempt) return;
    const grpc::Status& status = attempt.status();
    if (status.ok() || !IsWorthAnotherTry(status)) {
      stream_.replicas_.MarkWorking(attempt.replica());
    } else if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
      stream_.replicas_.MarkFailed(attempt.replica());
    }
    stream_.pushback_ = PushbackOf(attempt.context());
    result_ = status;
  }

  UnbrokenStream& stream_;
  OnEvent on_event_;
  const v1::GenerateRequest request_;
  const bool is_hedged_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  Attempt* winner_ = nullptr;
  grpc::Status result_;
};

UnbrokenStream::UnbrokenStream(Replicas& replicas, v1::GenerateRequest request,
                               const StreamOptions& options)
    : replicas_(replicas),
      deadline_(absl::Now() + options.timeout),
      hedge_after_(options.hedge_after),
      progress_(std::move(request), absl::Now()),
      order_(replicas.OrderFor(progress_.request())) {}

grpc::Status UnbrokenStream::Run(OnEvent on_event) {
  while (true) {
    const std::size_t before = progress_.events();
    // What was asked in this round is out of what Replicas arranges, so that it is not asked again
    // before the others.
    const std::span<std::size_t> order(order_);
    const std::span<std::size_t> first = order.subspan(turn_ % order.size());
    const std::span<std::size_t> second =
        first.size() > 1 ? first.subspan(1) : order.first(order.size() - 1);
    grpc::Status status = Contest(*this, on_event).Run(first, second);
    if (cancelled()) return {grpc::StatusCode::CANCELLED, "the call was cancelled"};
    if (progress_.whole()) return grpc::Status::OK;
    if (status.ok() && progress_.stream_is_whole()) continue;  // the next choice
    if (status.ok()) {
      status = {grpc::StatusCode::DATA_LOSS, "the stream ended early: the answer is not whole"};
    }
    if (!GoesOn(status, before)) return status;
    ++turn_;
    Pause(failures_);
    if (cancelled()) return {grpc::StatusCode::CANCELLED, "the call was cancelled"};
  }
}

bool UnbrokenStream::GoesOn(const grpc::Status& status, std::size_t events_before) {
  if (!IsWorthAnotherTry(status) || absl::Now() >= deadline_) return false;
  // Whoever ends a stream early, though nothing has failed, will do it again.
  if (status.error_code() == grpc::StatusCode::DATA_LOSS && order_.size() == 1) return false;
  if (progress_.events() > events_before) {
    ++stats_.breaks;
    failures_ = 0;
    return true;
  }
  ++failures_;
  if (order_.size() == 1 && progress_.events() == 0) return false;
  ++stats_.retries;
  return failures_ < std::max(kMostFailures, 2 * order_.size());
}

// As long as there is a replica that has not failed in this row, it is asked at once.
void UnbrokenStream::Pause(std::size_t failures) {
  if (failures < order_.size() && (order_.size() > 1 || failures == 0)) return;
  const std::size_t round = failures / order_.size();
  const absl::Duration backoff = std::min(
      kFirstPause * static_cast<double>(1U << std::min<std::size_t>(round, 10)), kLongestPause);
  const absl::Time until = std::min(absl::Now() + std::max(backoff, pushback_), deadline_);
  std::unique_lock lock(mu_);
  cancel_.wait_until(lock, absl::ToChronoTime(until), [this] { return cancelled_; });
}

bool UnbrokenStream::cancelled() {
  const std::lock_guard lock(mu_);
  return cancelled_;
}

void UnbrokenStream::Cancel() {
  const std::lock_guard lock(mu_);
  cancelled_ = true;
  for (grpc::ClientContext* const call : calls_) call->TryCancel();
  cancel_.notify_all();
}

}  // namespace cascade::client
