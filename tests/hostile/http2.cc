// SPDX-License-Identifier: Apache-2.0

#include "tests/hostile/http2.h"

#include "absl/strings/str_cat.h"

namespace cascade::testing::http2 {
namespace {

// Indices of HPACK's static table.
constexpr std::uint8_t kMethodPost = 3;
constexpr std::uint8_t kSchemeHttp = 6;

std::string BigEndian(std::uint64_t value, int bytes) {
  std::string text;
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    text.push_back(static_cast<char>(value >> shift));
  }
  return text;
}

// An HPACK integer behind a prefix of 7 bits whose first bit is 0: the length of a string that is
// not Huffman-coded.
std::string Length(std::uint64_t value) {
  constexpr std::uint64_t kPrefix = 127;
  if (value < kPrefix) return std::string(1, static_cast<char>(value));
  std::string text(1, static_cast<char>(kPrefix));
  for (value -= kPrefix; value >= 128; value >>= 7) {
    text.push_back(static_cast<char>(value | 128));
  }
  text.push_back(static_cast<char>(value));
  return text;
}

std::string Text(absl::string_view text) { return absl::StrCat(Length(text.size()), text); }

}  // namespace

std::string Frame(FrameType type, std::uint8_t flags, std::uint32_t stream,
                  absl::string_view payload) {
  std::string frame = BigEndian(payload.size(), 3);
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  absl::StrAppend(&frame, BigEndian(stream, 4), payload);
  return frame;
}

std::string Preface(std::uint32_t initial_window) {
  return absl::StrCat(
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      Frame(FrameType::kSettings, 0, 0, Setting(kInitialWindowSize, initial_window)));
}

std::string Setting(std::uint16_t identifier, std::uint32_t value) {
  return absl::StrCat(BigEndian(identifier, 2), BigEndian(value, 4));
}

std::string WindowUpdate(std::uint32_t stream, std::uint32_t increment) {
  return Frame(FrameType::kWindowUpdate, 0, stream, BigEndian(increment, 4));
}

std::string Field(absl::string_view name, absl::string_view value) {
  return absl::StrCat(std::string(1, '\0'), Text(name), Text(value));
}

std::string KeptField(absl::string_view name, absl::string_view value) {
  return absl::StrCat(std::string(1, '\x40'), Text(name), Text(value));
}

std::string IndexedField(std::uint8_t index) {
  return std::string(1, static_cast<char>(0x80 | index));
}

std::string FieldWithoutValue(absl::string_view name, std::uint64_t value_bytes) {
  return absl::StrCat(std::string(1, '\0'), Text(name), Length(value_bytes));
}

std::string CallFields(absl::string_view path) {
  return absl::StrCat(IndexedField(kMethodPost), IndexedField(kSchemeHttp), Field(":path", path),
                      Field(":authority", "localhost"), Field("te", "trailers"),
                      Field("content-type", "application/grpc"));
}

std::string MessagePrefix(std::uint32_t size) {
  return absl::StrCat(std::string(1, '\0'), BigEndian(size, 4));
}

std::string Call(std::uint32_t stream, absl::string_view path, absl::string_view message) {
  return absl::StrCat(
      Frame(FrameType::kHeaders, kEndHeaders, stream, CallFields(path)),
      Frame(FrameType::kData, kEndStream, stream,
            absl::StrCat(MessagePrefix(static_cast<std::uint32_t>(message.size())), message)));
}

}  // namespace cascade::testing::http2
