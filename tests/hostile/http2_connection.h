// SPDX-License-Identifier: Apache-2.0
// A connection on which a test sends and reads the frames of HTTP/2 itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "tests/hostile/http2.h"
#include "tests/server/raw_connection.h"

namespace cascade::testing {

// Sends bytes as they are given. Reads only if told to: without that, what the server sends stays
// in the socket's buffers and then in the server's. Keeps the windows that the server grants, for
// SendMessageBytes alone.
class Http2Connection {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Connects to `address`; see RawConnection.
  explicit Http2Connection(const std::string& address);

  // False once the server has closed the connection or said that it will.
  bool open() const { return open_; }

  // Sends all of `bytes`. False if the connection ends or `until` passes first.
  bool Send(absl::string_view bytes, Time until);

  // Sends all of `bytes` as DATA of `stream`, never more than the server's windows allow; reads to
  // learn of them. False if the connection or the stream ends, or `until` passes first.
  bool SendMessageBytes(std::uint32_t stream, absl::string_view bytes, Time until);

  // Reads frames until `stream` has ended. False if the connection ends or `until` passes first.
  bool ReadToEndOf(std::uint32_t stream, Time until);

  // Handles what the server has sent, without waiting: acknowledges settings and pings, grows
  // windows by what it read.
  void ReadWhatIsThere();

  // The messages that came on `stream`, with their prefixes.
  std::string TakeMessages(std::uint32_t stream) { return std::move(streams_[stream].data); }

 private:
  struct Stream {
    std::int64_t window_used = 0;  // sent, less what WINDOW_UPDATE gave back
    bool ended = false;            // by END_STREAM or RST_STREAM
    std::string data;
  };

  std::int64_t WindowOf(const Stream& stream) const;
  // True when the socket is ready for `events`, or has ended.
  bool WaitFor(short events, Time until) const;
  void HandleFrames();
  void Handle(http2::FrameType type, std::uint8_t flags, std::uint32_t stream,
              absl::string_view payload);
  void HandleSettings(absl::string_view payload);

  RawConnection socket_;
  bool open_ = true;
  std::string unhandled_;  // bytes received of a frame that is not whole yet
  std::int64_t connection_window_ = http2::kDefaultWindow;
  std::int64_t initial_window_ = http2::kDefaultWindow;
  std::map<std::uint32_t, Stream> streams_;
};

}  // namespace cascade::testing
