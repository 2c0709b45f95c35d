// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/vllm/zip_archive.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace cascade::server {
namespace {

// IEEE 802.3's, bit by bit reversed, as zip has it.
constexpr std::array<std::uint32_t, 256> CrcTable() {
  constexpr std::uint32_t kPolynomial = 0xEDB88320;
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[byte] = crc;
  }
  return table;
}

std::uint32_t Crc32(absl::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = CrcTable();
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char c : bytes)
    crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

// Little-endian numbers at the end of a string.
void Append16(std::size_t value, std::string& out) {
  out.push_back(static_cast<char>(value & 0xFF));
  out.push_back(static_cast<char>(value >> 8 & 0xFF));
}
void Append32(std::size_t value, std::string& out) {
  Append16(value & 0xFFFF, out);
  Append16(value >> 16, out);
}

constexpr std::size_t kVersion = 20;        // 2.0 suffices to read it
constexpr std::size_t kFirstDate = 0x0021;  // January 1, 1980: no time of day is told
constexpr std::size_t kLocalHeader = 0x04034B50;
constexpr std::size_t kCentralHeader = 0x02014B50;
constexpr std::size_t kEnd = 0x06054B50;

// What both headers of a file have: version, flags, method (stored), time, date, crc, sizes, name.
void AppendFacts(const std::string& name, absl::string_view contents, std::uint32_t crc,
                 std::string& out) {
  Append16(kVersion, out);
  Append16(0, out);
  Append16(0, out);
  Append16(0, out);
  Append16(kFirstDate, out);
  Append32(crc, out);
  Append32(contents.size(), out);
  Append32(contents.size(), out);
  Append16(name.size(), out);
  Append16(0, out);  // extra bytes
}

}  // namespace

std::string ZipArchive(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string archive;
  std::string directory;
  for (const auto& [name, contents] : files) {
    const std::uint32_t crc = Crc32(contents);
    Append32(kCentralHeader, directory);
    Append16(kVersion, directory);
    AppendFacts(name, contents, crc, directory);
    Append16(0, directory);  // comment
    Append16(0, directory);  // disk
    Append16(0, directory);  // internal attributes
    Append32(0, directory);  // external ones
    Append32(archive.size(), directory);
    directory += name;
    Append32(kLocalHeader, archive);
    AppendFacts(name, contents, crc, archive);
    archive += name;
    archive += contents;
  }
  const std::size_t directory_begin = archive.size();
  archive += directory;
  Append32(kEnd, archive);
  Append16(0, archive);  // this disk
  Append16(0, archive);  // the directory's
  Append16(files.size(), archive);
  Append16(files.size(), archive);
  Append32(directory.size(), archive);
  Append32(directory_begin, archive);
  Append16(0, archive);  // comment
  return archive;
}

}  // namespace cascade::server
