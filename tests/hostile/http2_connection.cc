// SPDX-License-Identifier: Apache-2.0

#include "tests/hostile/http2_connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"

namespace cascade::testing {
namespace {

using http2::FrameType;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::uint32_t ReadBigEndian(absl::string_view bytes) {
  std::uint32_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

}  // namespace

Http2Connection::Http2Connection(const std::string& address) : socket_(address) {
  fcntl(socket_.fd(), F_SETFL, O_NONBLOCK);
}

bool Http2Connection::WaitFor(short events, Time until) const {
  const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now()).count();
  pollfd socket = {.fd = socket_.fd(), .events = events, .revents = 0};
  return poll(&socket, 1, static_cast<int>(std::max<std::int64_t>(0, left))) == 1;
}

bool Http2Connection::Send(absl::string_view bytes, Time until) {
  while (open_ && !bytes.empty()) {
    const ssize_t sent = send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN) {
      open_ = false;
    } else if (!WaitFor(POLLOUT, until)) {
      return false;
    }
  }
  return open_;
}

bool Http2Connection::SendMessageBytes(std::uint32_t id, absl::string_view bytes, Time until) {
  Stream& stream = streams_[id];
  while (!bytes.empty()) {
    ReadWhatIsThere();
    if (!open_ || stream.ended) return false;
    const std::int64_t window = std::min(WindowOf(stream), connection_window_);
    if (window <= 0) {
      if (!WaitFor(POLLIN, until)) return false;
      continue;
    }
    const absl::string_view part = bytes.substr(
        0, std::min<std::size_t>(http2::kMaxPayloadBytes, static_cast<std::size_t>(window)));
    if (!Send(http2::Frame(FrameType::kData, 0, id, part), until)) return false;
    stream.window_used += static_cast<std::int64_t>(part.size());
    connection_window_ -= static_cast<std::int64_t>(part.size());
    bytes.remove_prefix(part.size());
  }
  return true;
}

bool Http2Connection::ReadToEndOf(std::uint32_t stream, Time until) {
  while (true) {
    ReadWhatIsThere();
    if (streams_[stream].ended) return true;
    if (!open_ || !WaitFor(POLLIN, until)) return false;
  }
}

void Http2Connection::ReadWhatIsThere() {
  std::array<char, 1 << 16> bytes;
  while (open_) {
    const ssize_t received = recv(socket_.fd(), bytes.data(), bytes.size(), 0);
    if (received < 0 && errno == EAGAIN) return;
    open_ = received > 0;
    if (!open_) return;
    unhandled_.append(bytes.data(), static_cast<std::size_t>(received));
    HandleFrames();
  }
}

std::int64_t Http2Connection::WindowOf(const Stream& stream) const {
  return initial_window_ - stream.window_used;
}

void Http2Connection::HandleFrames() {
  absl::string_view rest = unhandled_;
  while (rest.size() >= http2::kFrameHeaderBytes) {
    const std::size_t size = http2::kFrameHeaderBytes + ReadBigEndian(rest.substr(0, 3));
    if (rest.size() < size) break;
    Handle(static_cast<FrameType>(rest[3]), static_cast<std::uint8_t>(rest[4]),
           ReadBigEndian(rest.substr(5, 4)),
           rest.substr(http2::kFrameHeaderBytes, size - http2::kFrameHeaderBytes));
    rest.remove_prefix(size);
  }
  unhandled_.erase(0, unhandled_.size() - rest.size());
}

void Http2Connection::Handle(FrameType type, std::uint8_t flags, std::uint32_t id,
                             absl::string_view payload) {
  const Time soon = steady_clock::now() + std::chrono::seconds(1);
  switch (type) {
    case FrameType::kSettings:
      if ((flags & http2::kAck) == 0) {
        HandleSettings(payload);
        Send(http2::Frame(FrameType::kSettings, http2::kAck, 0, ""), soon);
      }
      break;
    case FrameType::kPing:
      if ((flags & http2::kAck) == 0) {
        Send(http2::Frame(FrameType::kPing, http2::kAck, 0, payload), soon);
      }
      break;
    case FrameType::kWindowUpdate:
      if (id == 0) {
        connection_window_ += ReadBigEndian(payload);
      } else {
        streams_[id].window_used -= ReadBigEndian(payload);
      }
      break;
    case FrameType::kData: {
      const auto size = static_cast<std::uint32_t>(payload.size());
      absl::StrAppend(&streams_[id].data, payload);
      if (size > 0)
        Send(absl::StrCat(http2::WindowUpdate(0, size), http2::WindowUpdate(id, size)), soon);
      break;
    }
    case FrameType::kRstStream:
      streams_[id].ended = true;
      break;
    case FrameType::kGoAway:
      open_ = false;
      break;
    default:
      break;
  }
  const bool may_end_stream = type == FrameType::kData || type == FrameType::kHeaders;
  if (may_end_stream && (flags & http2::kEndStream) != 0) streams_[id].ended = true;
}

void Http2Connection::HandleSettings(absl::string_view payload) {
  constexpr std::size_t kSettingBytes = 6;
  for (; payload.size() >= kSettingBytes; payload.remove_prefix(kSettingBytes)) {
    if (ReadBigEndian(payload.substr(0, 2)) == http2::kInitialWindowSize) {
      initial_window_ = ReadBigEndian(payload.substr(2, 4));
    }
  }
}

}  // namespace cascade::testing
