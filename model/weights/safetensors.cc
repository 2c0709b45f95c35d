// SPDX-License-Identifier: Apache-2.0

#include "model/weights/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/file_kind.h"
#include "model/json_document.h"
#include "model/weights/file_memory.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

using nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the reference's limit

// Bytes of one element; 0 for a dtype that the format does not know.
std::size_t BytesPerElement(absl::string_view dtype) {
  static constexpr std::pair<absl::string_view, std::size_t> kTypes[] = {
      {"F32", 4}, {"F16", 2}, {"BF16", 2},    {"F64", 8},     {"BOOL", 1},   {"U8", 1},
      {"I8", 1},  {"U16", 2}, {"I16", 2},     {"U32", 4},     {"I32", 4},    {"U64", 8},
      {"I64", 8}, {"C64", 8}, {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"F8_E8M0", 1}};
  for (const auto& [name, bytes] : kTypes) {
    if (name == dtype) return bytes;
  }
  return 0;
}

// The bytes of one tensor, [begin, end), relative to the end of the header.
struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  absl::string_view name;
};

absl::Status Malformed(absl::string_view where, absl::string_view expected,
                       absl::string_view found) {
  return absl::InvalidArgumentError(
      absl::StrCat(where, ": expected ", expected, ", found ", found));
}

// Product of the shape's sizes and the element's, or nothing if it overflows.
std::optional<std::uint64_t> ByteCount(const std::vector<std::size_t>& shape, std::uint64_t bytes) {
  for (const std::size_t size : shape) {
    if (__builtin_mul_overflow(bytes, size, &bytes)) return std::nullopt;
  }
  return bytes;
}

// The member `key` if it is a list of non-negative integers.
std::optional<std::vector<std::size_t>> Integers(const json& entry, const char* key) {
  const auto list = entry.find(key);
  if (list == entry.end() || !list->is_array()) return std::nullopt;
  std::vector<std::size_t> values;
  for (const json& element : *list) {
    const auto* value = element.get_ptr<const json::number_unsigned_t*>();
    if (value == nullptr) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

// Parses one entry of the header and checks all that does not depend on other entries. `where`
// names file and tensor; `data` is the bytes after the header.
absl::StatusOr<StoredTensor> ParseTensor(const json& entry, absl::string_view where,
                                         std::span<const std::byte> data) {
  if (!entry.is_object()) return Malformed(where, "an object", Shown(entry));
  const auto dtype = entry.find("dtype");
  if (dtype == entry.end() || !dtype->is_string()) {
    return Malformed(where, "a string as dtype", dtype == entry.end() ? "none" : Shown(*dtype));
  }
  StoredTensor tensor;
  tensor.dtype = *dtype->get_ptr<const json::string_t*>();
  const std::size_t element_bytes = BytesPerElement(tensor.dtype);
  if (element_bytes == 0) return Malformed(where, "a known dtype", Quoted(tensor.dtype));

  const auto shape = Integers(entry, "shape");
  if (!shape) return Malformed(where, "a list of sizes as shape", "something else");
  tensor.shape = *shape;
  const auto offsets = Integers(entry, "data_offsets");
  if (!offsets || offsets->size() != 2) {
    return Malformed(where, "[begin, end] as data_offsets", "something else");
  }
  const std::uint64_t begin = (*offsets)[0];
  const std::uint64_t end = (*offsets)[1];
  if (begin > end || end > data.size()) {
    return Malformed(where, absl::StrCat("data_offsets within ", data.size(), " bytes of data"),
                     absl::StrCat("[", begin, ", ", end, "]",
                                  begin > end ? ""
                                              : ": the file is shorter than its header says, "
                                                "perhaps an incomplete download"));
  }
  const auto byte_count = ByteCount(tensor.shape, element_bytes);
  if (!byte_count || *byte_count != end - begin) {
    return Malformed(where,
                     absl::StrCat(byte_count ? absl::StrCat(*byte_count) : "fewer than 2^64",
                                  " bytes for shape [", absl::StrJoin(tensor.shape, ", "), "] of ",
                                  tensor.dtype),
                     absl::StrCat(end - begin, " between its data_offsets"));
  }
  tensor.bytes = data.subspan(begin, end - begin);
  return tensor;
}

// The format demands that every byte of data belongs to exactly one tensor.
absl::Status CheckCoverage(std::vector<Extent> extents, std::uint64_t data_bytes,
                           absl::string_view file) {
  std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t covered = 0;
  for (const Extent& extent : extents) {
    if (extent.begin != covered) {
      return Malformed(
          absl::StrCat(file, ": tensor ", Quoted(extent.name)),
          absl::StrCat("data from byte ", covered, " on"),
          absl::StrCat(extent.begin,
                       extent.begin < covered ? ": it overlaps the tensor before it" : ": a hole"));
    }
    covered = extent.end;
  }
  if (covered == data_bytes) return absl::OkStatus();
  return Malformed(file, absl::StrCat(covered, " bytes of data, as the header describes"),
                   absl::StrCat(data_bytes));
}

absl::Status ReadMetadata(const json& entries, absl::string_view file, Metadata* metadata) {
  const bool is_map =
      entries.is_object() && std::all_of(entries.begin(), entries.end(),
                                         [](const json& value) { return value.is_string(); });
  if (!is_map) {
    return Malformed(absl::StrCat(file, ": __metadata__"), "an object of strings",
                     "something else");
  }
  if (metadata == nullptr) return absl::OkStatus();
  for (const auto& [key, value] : entries.items()) {
    metadata->emplace(key, value.get_ref<const json::string_t&>());
  }
  return absl::OkStatus();
}

// What a file is that has no header where one should be: a file of another kind, or else text.
// Empty if it is neither.
std::string DescribeContents(absl::string_view begin) {
  const std::string kind = DescribeForeignFile(begin);
  const bool is_text =
      begin.size() >= kLengthBytes && std::all_of(begin.begin(), begin.end(), [](char c) {
        return absl::ascii_isprint(static_cast<unsigned char>(c)) ||
               absl::ascii_isspace(static_cast<unsigned char>(c));
      });
  if (!kind.empty() || !is_text) return kind;
  constexpr std::size_t kShown = 40;
  return absl::StrCat("text that begins with ", Quoted(begin.substr(0, kShown)),
                      ": perhaps an error message in place of a download");
}

// The header's text.
absl::StatusOr<absl::string_view> Header(std::span<const std::byte> bytes, absl::string_view file) {
  const absl::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t length_bytes = std::min(kLengthBytes, bytes.size());
  std::uint64_t length = 0;
  static_assert(std::endian::native == std::endian::little);
  text.copy(reinterpret_cast<char*>(&length), length_bytes);
  const std::uint64_t available =
      std::min<std::uint64_t>(bytes.size() - length_bytes, kMaxHeaderBytes);
  const bool is_empty = length == 0 && available > 0;  // the data cannot be without a header
  if (length_bytes == kLengthBytes && length <= available && !is_empty) {
    return text.substr(kLengthBytes, length);
  }
  const std::string contents = DescribeContents(text.substr(0, kFileKindBytes));
  if (!contents.empty()) return Malformed(file, "a safetensors file", contents);
  if (length_bytes < kLengthBytes) {
    return Malformed(file, "a safetensors file: at least 8 bytes", absl::StrCat(bytes.size()));
  }
  return Malformed(file, absl::StrCat("a header of at most ", available, " bytes"),
                   absl::StrCat("a header length of ", length));
}

}  // namespace

absl::Status ReadSafetensorsHeader(const FileMemory& file) {
  const std::span<const std::byte> bytes = file.bytes();
  const auto begin = bytes.first(std::min(kFileKindBytes, bytes.size()));
  if (absl::Status read = file.Read(begin); !read.ok()) return read;
  // A length that is wrong is ParseSafetensors' matter: then there is no header to read.
  const absl::StatusOr<absl::string_view> header = Header(bytes, "");
  if (!header.ok()) return absl::OkStatus();
  return file.Read(bytes.subspan(kLengthBytes, header->size()));
}

absl::StatusOr<StoredTensors> ParseSafetensors(std::span<const std::byte> bytes,
                                               absl::string_view file, Metadata* metadata) {
  const absl::StatusOr<absl::string_view> header = Header(bytes, file);
  if (!header.ok()) return header.status();
  const absl::StatusOr<JsonDocument> entries =
      ParseJsonObject(*header, absl::StrCat(file, ": header"));
  if (!entries.ok()) return entries.status();

  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + header->size());
  StoredTensors tensors;
  std::vector<Extent> extents;
  for (const auto& [name, entry] : (*entries)->items()) {
    if (name == "__metadata__") {
      if (absl::Status read = ReadMetadata(entry, file, metadata); !read.ok()) return read;
      continue;
    }
    absl::StatusOr<StoredTensor> tensor =
        ParseTensor(entry, absl::StrCat(file, ": tensor ", Quoted(name)), data);
    if (!tensor.ok()) return tensor.status();
    const auto begin = static_cast<std::uint64_t>(tensor->bytes.data() - data.data());
    const auto [added, inserted] = tensors.emplace(name, *std::move(tensor));
    extents.push_back({begin, begin + added->second.bytes.size(), name});
  }
  if (absl::Status checked = CheckCoverage(std::move(extents), data.size(), file); !checked.ok()) {
    return checked;
  }
  return tensors;
}

}  // namespace cascade::model
