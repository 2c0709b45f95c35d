// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoints/npy.h"

#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace cascade::model {
namespace {

constexpr absl::string_view kMagic("\x93NUMPY\x01\x00", 8);  // with the version, 1.0
constexpr std::size_t kPreamble = kMagic.size() + 2;         // and the header's length
constexpr std::size_t kMostDimensions = 8;
constexpr std::size_t kElementBytes = 4;

std::size_t Byte(absl::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

// "3, 4)" and what follows; consumes up to the parenthesis. Nothing if it is no shape of ours.
std::optional<std::vector<std::size_t>> ConsumeShape(absl::string_view* text) {
  std::vector<std::size_t> shape;
  const std::size_t end = text->find(')');
  if (end == absl::string_view::npos) return std::nullopt;
  absl::string_view sizes = text->substr(0, end);
  text->remove_prefix(end + 1);
  while (!sizes.empty() && shape.size() < kMostDimensions) {
    const std::size_t comma = sizes.find(',');
    std::uint32_t size = 0;  // no dimension of a golden tensor comes near its limit
    if (!absl::SimpleAtoi(sizes.substr(0, comma), &size) || size == 0) return std::nullopt;
    shape.push_back(size);
    sizes.remove_prefix(comma == absl::string_view::npos ? sizes.size() : comma + 1);
    sizes = absl::StripLeadingAsciiWhitespace(sizes);
  }
  if (!sizes.empty() || shape.empty()) return std::nullopt;
  return shape;
}

// The elements' bytes, or nothing if their number overflows.
std::optional<std::size_t> BytesOf(const std::vector<std::size_t>& shape) {
  std::size_t bytes = kElementBytes;
  for (const std::size_t size : shape) {
    if (bytes > std::numeric_limits<std::size_t>::max() / size) return std::nullopt;
    bytes *= size;
  }
  return bytes;
}

}  // namespace

absl::StatusOr<NpyArray> ParseNpy(absl::string_view file, absl::string_view name) {
  const auto refuse = [name](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": ", why));
  };
  if (file.size() < kPreamble || file.substr(0, kMagic.size()) != kMagic) {
    return refuse("expected a .npy file of version 1.0");
  }
  const std::size_t header_size = Byte(file, kMagic.size()) + 256 * Byte(file, kMagic.size() + 1);
  if (header_size > file.size() - kPreamble) return refuse("the header goes beyond the file");

  // numpy writes the keys in this order, and nothing else.
  absl::string_view header = file.substr(kPreamble, header_size);
  NpyArray array;
  if (absl::ConsumePrefix(&header, "{'descr': '<f4'")) {
    array.type = NpyType::kFloat32;
  } else if (absl::ConsumePrefix(&header, "{'descr': '<i4'")) {
    array.type = NpyType::kInt32;
  } else {
    return refuse("expected elements of type <f4 or <i4");
  }
  if (!absl::ConsumePrefix(&header, ", 'fortran_order': False, 'shape': (")) {
    return refuse("expected an array in C order, and then its shape");
  }
  std::optional<std::vector<std::size_t>> shape = ConsumeShape(&header);
  if (!shape) return refuse("expected a shape of 1 to 8 dimensions, none of them 0");
  array.shape = *std::move(shape);
  if (absl::StripAsciiWhitespace(header) != ", }") return refuse("expected the header's end");

  array.elements = file.substr(kPreamble + header_size);
  const std::optional<std::size_t> bytes = BytesOf(array.shape);
  if (bytes != array.elements.size()) {
    return refuse(
        absl::StrCat("the shape does not fit ", array.elements.size(), " bytes of elements"));
  }
  return array;
}

}  // namespace cascade::model
