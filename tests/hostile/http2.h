// SPDX-License-Identifier: Apache-2.0
// Writes HTTP/2 (RFC 9113) and HPACK (RFC 7541) byte for byte, so that tests can send what no
// library would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace cascade::testing::http2 {

enum class FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};

// Flags of a frame. kAck is of SETTINGS and PING, kEndStream of DATA and HEADERS, kEndHeaders of
// HEADERS and CONTINUATION.
inline constexpr std::uint8_t kAck = 1;
inline constexpr std::uint8_t kEndStream = 1;
inline constexpr std::uint8_t kEndHeaders = 4;

inline constexpr std::size_t kFrameHeaderBytes = 9;
inline constexpr std::size_t kMaxPayloadBytes = 16384;  // that every peer accepts
inline constexpr std::uint32_t kDefaultWindow = 65535;  // of a connection, and of each stream

std::string Frame(FrameType type, std::uint8_t flags, std::uint32_t stream,
                  absl::string_view payload);

// What a client sends first: the magic string and SETTINGS, with a window of so many bytes for each
// stream that the server writes to.
std::string Preface(std::uint32_t initial_window = kDefaultWindow);

// The settings' identifiers that tests send.
inline constexpr std::uint16_t kHeaderTableSize = 1;
inline constexpr std::uint16_t kInitialWindowSize = 4;

// One setting, in the payload of SETTINGS.
std::string Setting(std::uint16_t identifier, std::uint32_t value);

std::string WindowUpdate(std::uint32_t stream, std::uint32_t increment);

// ---------------------------------------------------------------------------------------------------
// Header fields, for HEADERS and CONTINUATION.

// A field that the receiver does not keep.
std::string Field(absl::string_view name, absl::string_view value);

// A field that the receiver adds to its table, and IndexedField(kFirstDynamicIndex) names
// afterwards.
std::string KeptField(absl::string_view name, absl::string_view value);

// A field of the receiver's table, in one byte. `index` is below 127.
std::string IndexedField(std::uint8_t index);

inline constexpr std::uint8_t kFirstDynamicIndex = 62;

// The beginning of a field whose value has `value_bytes` bytes, which the caller may or may not
// send.
std::string FieldWithoutValue(absl::string_view name, std::uint64_t value_bytes);

// The fields with which a gRPC call of `path`, "/package.Service/Method", begins.
std::string CallFields(absl::string_view path);

// The header of `size` bytes of a message, without compression; they follow in DATA frames.
std::string MessagePrefix(std::uint32_t size);

// A whole call on `stream`, of a message that fits into one frame.
std::string Call(std::uint32_t stream, absl::string_view path, absl::string_view message);

}  // namespace cascade::testing::http2
