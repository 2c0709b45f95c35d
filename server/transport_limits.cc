// SPDX-License-Identifier: Apache-2.0

#include "server/transport_limits.h"

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "grpcpp/resource_quota.h"
#include "server/cgroup.h"

namespace cascade::server {
namespace {

// gRPC itself refuses longer messages with RESOURCE_EXHAUSTED, before any service sees them. A text
// of kMaxTextBytes and a prompt of a million token ids both fit.
constexpr int kMaxRequestBytes = 4 << 20;

// Longest metadata of a call, as HTTP/2 counts it: 32 bytes a header more than its text. Beyond it
// gRPC 1.51 ends not the call but its connection, and its default is 8 KiB, which proxies and
// tracing fill.
constexpr int kMaxMetadataBytes = 64 << 10;

// Streams of one connection for short calls, beside one for each generation that there can be.
constexpr std::size_t kShortCallStreams = 1024;

// Of the memory that the process may use, what calls may hold if no flag says so; at most, and at
// least so much that a few of the longest requests fit.
constexpr std::uint64_t kCallShareOfMemory = 8;
constexpr std::uint64_t kMostCallMemory = std::uint64_t{1} << 30;
constexpr std::uint64_t kLeastCallMemory = std::uint64_t{32} << 20;

// gRPC's buffers hold messages before a call can take its share of the memory: those that have not
// come whole yet. Beyond this it ends streams and connections as it likes, so it is to be reached
// by nobody whose calls are refused in time.
constexpr std::size_t kTransportShareOfCallMemory = 2;

// Calls hold more memory than they are counted with: gRPC's buffers, what tokenizing needs, what
// the allocator keeps. 200 texts of 512 KiB at once hold twice their count.
constexpr std::uint64_t kMemoryForEachByteOfCalls = 4;
constexpr std::uint64_t kMemoryForConnections = std::uint64_t{256} << 20;

// Of --memory_bytes, what remains for the kernel's buffers of sockets, which a container pays for.
constexpr std::uint64_t kKernelShareOfMemory = 8;

// How many CPUs there are for each thread that tokenizes long texts.
constexpr std::size_t kCpusForEachLongWorkThread = 4;

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

std::size_t CallMemoryBytes(const Options& options) {
  return options.call_memory_bytes.value_or(
      std::clamp(options.memory_bytes / kCallShareOfMemory, kLeastCallMemory, kMostCallMemory));
}

}  // namespace

Serving::Limits ServingLimitsOf(const Options& options) {
  return {.call_memory_bytes = CallMemoryBytes(options),
          .long_work_threads = std::max<std::size_t>(1, CpuLimit() / kCpusForEachLongWorkThread),
          .log_prompts = options.log_prompts,
          .stalled_reader_limit = options.worker.stalled_reader_limit};
}

std::uint64_t MemoryBound(const Options& options, std::uint64_t when_loaded) {
  const std::uint64_t calls = CallMemoryBytes(options);
  const std::uint64_t wanted =
      when_loaded + kMemoryForEachByteOfCalls * calls + kMemoryForConnections;
  const std::uint64_t possible = options.memory_bytes - options.memory_bytes / kKernelShareOfMemory;
  return std::max(when_loaded + calls, std::min(wanted, possible));
}

void SetTransportLimits(const Options& options, grpc::ServerBuilder& builder) {
  // Without a limit, calls whose clients never send the request would gather.
  const std::size_t generations = 2 * (options.worker.max_running + options.worker.max_queued);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(generations + kShortCallStreams));
  grpc::ResourceQuota quota("transport");
  quota.Resize(kTransportShareOfCallMemory * CallMemoryBytes(options));
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  // gRPC inflates a message before it looks at its size: a few hundred kilobytes can become all the
  // memory that there is. Texts are short; nobody needs to compress them.
  for (const grpc_compression_algorithm algorithm : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
    builder.SetCompressionAlgorithmSupportStatus(algorithm, false);
  }
  // A client that vanished without closing its connection is noticed within 80 seconds; then its
  // calls are cancelled and their KV blocks freed.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  // Clients may ping every ten seconds, between calls too, without being disconnected for it.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                             Milliseconds(options.listen.handshake));
  if (options.listen.idle_connection > absl::ZeroDuration()) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                               Milliseconds(options.listen.idle_connection));
  }
  if (options.listen.connection_age > absl::ZeroDuration()) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               Milliseconds(options.listen.connection_age));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                               Milliseconds(options.listen.connection_grace));
  }
}

}  // namespace cascade::server
