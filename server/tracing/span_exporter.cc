// SPDX-License-Identifier: Apache-2.0

#include "server/tracing/span_exporter.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <iterator>
#include <utility>

#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

std::chrono::steady_clock::time_point In(absl::Duration duration) {
  return std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(duration);
}

bool HasRetryInfo(const grpc::Status& status) {
  google::rpc::Status details;
  return details.ParseFromString(status.error_details()) &&
         std::any_of(details.details().begin(), details.details().end(), [](const auto& detail) {
           return detail.template Is<google::rpc::RetryInfo>();
         });
}

// The specification's table of codes (section "Failures" of OTLP/gRPC).
bool MaySendAgain(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::OUT_OF_RANGE:
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DATA_LOSS:
      return true;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return HasRetryInfo(status);
    default:
      return false;
  }
}

void LogFailure(absl::string_view message, const grpc::Status& status, std::size_t spans) {
  Log(LogLevel::kWarning, message,
      {{"spans", spans},
       {"code", static_cast<int>(status.error_code())},
       {"error", status.error_message()}});
}

}  // namespace

SpanExporter::SpanExporter(std::unique_ptr<Stub> collector,
                           opentelemetry::proto::resource::v1::Resource resource,
                           const ExportOptions& options)
    : collector_(std::move(collector)),
      resource_(std::move(resource)),
      options_(options),
      thread_([this] { Run(); }) {}

SpanExporter::~SpanExporter() { Stop(); }

void SpanExporter::Add(std::vector<Span> spans) {
  const MutexLock lock(mu_);
  if (stopping_ || waiting_.size() + spans.size() > options_.waiting_spans) {
    dropped_ += spans.size();
    return;
  }
  const bool was_empty = waiting_.empty();
  waiting_.insert(waiting_.end(), std::make_move_iterator(spans.begin()),
                  std::make_move_iterator(spans.end()));
  if (was_empty || waiting_.size() >= options_.batch_spans) changed_.notify_all();
}

void SpanExporter::Stop() {
  if (!thread_.joinable()) return;
  {
    const MutexLock lock(mu_);
    stopping_ = true;
    changed_.notify_all();
    const auto until = In(options_.last_message);
    while (!ended_ && changed_.wait_until(mu_, until) != std::cv_status::timeout) {
    }
    out_of_time_ = true;
    if (in_flight_ != nullptr) in_flight_->TryCancel();
  }
  thread_.join();
}

SpanCounts SpanExporter::counts() const {
  return {.exported = exported_.load(), .dropped = dropped_.load()};
}

void SpanExporter::Run() {
  while (true) {
    std::size_t spans = 0;
    try {
      std::vector<Span> batch = TakeBatch();
      spans = batch.size();
      if (batch.empty()) break;
      Send(std::move(batch));
    } catch (const std::exception&) {  // no memory
      dropped_ += spans;
    }
  }
  const MutexLock lock(mu_);
  ended_ = true;
  changed_.notify_all();
}

std::vector<Span> SpanExporter::TakeBatch() {
  const MutexLock lock(mu_);
  while (waiting_.empty() && !stopping_) changed_.wait(mu_);
  const auto until = In(options_.period);
  while (waiting_.size() < options_.batch_spans && !stopping_ &&
         changed_.wait_until(mu_, until) != std::cv_status::timeout) {
  }
  const auto end = waiting_.begin() +
                   static_cast<std::ptrdiff_t>(std::min(waiting_.size(), options_.batch_spans));
  std::vector<Span> batch(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  return batch;
}

void SpanExporter::Send(std::vector<Span> batch) {
  Request request;
  auto& of_resource = *request.add_resource_spans();
  *of_resource.mutable_resource() = resource_;
  auto& of_scope = *of_resource.add_scope_spans();
  of_scope.mutable_scope()->set_name("cascade-server");
  of_scope.mutable_spans()->Add(std::make_move_iterator(batch.begin()),
                                std::make_move_iterator(batch.end()));
  absl::Duration pause = options_.first_retry;
  while (true) {
    const grpc::Status status = SendOnce(request, batch.size());
    if (status.ok()) return;
    if (!MaySendAgain(status)) {
      dropped_ += batch.size();
      return LogFailure("the collector rejects spans", status, batch.size());
    }
    LogFailure("the collector does not take spans", status, batch.size());
    if (!Sleep(pause)) {
      dropped_ += batch.size();
      return;
    }
    pause = std::min(2 * pause, options_.longest_retry);
  }
}

grpc::Status SpanExporter::SendOnce(const Request& request, std::size_t spans) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + options_.timeout));
  {
    const MutexLock lock(mu_);
    if (out_of_time_) return {grpc::StatusCode::CANCELLED, "the server has shut down"};
    in_flight_ = &context;
  }
  opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse response;
  const grpc::Status status = collector_->Export(&context, request, &response);
  {
    const MutexLock lock(mu_);
    in_flight_ = nullptr;
  }
  if (!status.ok()) return status;
  const auto rejected = static_cast<std::uint64_t>(std::clamp<std::int64_t>(
      response.partial_success().rejected_spans(), 0, static_cast<std::int64_t>(spans)));
  exported_ += spans - rejected;
  dropped_ += rejected;
  if (rejected > 0) {
    Log(LogLevel::kWarning, "the collector rejects spans",
        {{"spans", rejected}, {"error", response.partial_success().error_message()}});
  }
  return status;
}

bool SpanExporter::Sleep(absl::Duration pause) {
  const auto until = In(pause);
  const MutexLock lock(mu_);
  while (!stopping_ && changed_.wait_until(mu_, until) != std::cv_status::timeout) {
  }
  return !stopping_;
}

}  // namespace cascade::server
