// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/connection.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/cascade/status_text.h"

namespace cascade::cli {

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& server, bool own_connection) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10'000);  // of a connection attempt, too
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // no limit: a queue may be long
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, own_connection ? 1 : 0);
  return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
}

Connection::Connection(CallOptions options)
    : options_(std::move(options)),
      channel_(MakeChannel(options_.server)),
      text_generation_(v1::TextGeneration::NewStub(channel_)),
      health_(grpc::health::v1::Health::NewStub(channel_)) {}

void Connection::SetDeadline(grpc::ClientContext& context) const {
  if (options_.timeout == absl::InfiniteDuration()) return;
  context.set_deadline(absl::ToChronoTime(absl::Now() + options_.timeout));
}

std::string Connection::Explain(const grpc::Status& status) const {
  const bool unreachable = status.error_code() == grpc::StatusCode::UNAVAILABLE &&
                           channel_->GetState(false) == GRPC_CHANNEL_TRANSIENT_FAILURE;
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return absl::StrCat(StatusText(status), "\n  --timeout is ",
                        absl::FormatDuration(options_.timeout), "; --timeout=0 waits for ever.");
  }
  if (!unreachable) return StatusText(status);
  return absl::StrCat("no server answers at ", options_.server, "\n  ", status.error_message(),
                      "\n  Start one with `make run`, or name another with --server=HOST:PORT.");
}

}  // namespace cascade::cli
