// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoints/golden_reader.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/checkpoints/npy.h"
#include "model/json_document.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

// Beyond what generate.py writes for any GPT-2: a vocabulary of 50,257 at some hundred positions.
constexpr std::size_t kLargestFile = std::size_t{1} << 30;

bool HasShape(const NpyArray& array, const std::vector<std::size_t>& shape) {
  return std::ranges::equal(array.shape, shape, [](std::size_t size, std::size_t expected) {
    return expected == kAnySize || size == expected;
  });
}

std::string ShapeText(const std::vector<std::size_t>& shape) {
  const auto size_text = [](std::string* out, std::size_t size) {
    absl::StrAppend(out, size == kAnySize ? "any" : absl::StrCat(size));
  };
  return absl::StrCat("[", absl::StrJoin(shape, ", ", size_text), "]");
}

// Elements of four bytes; the file's need not be aligned.
template <typename T>
std::vector<T> Elements(const NpyArray& array) {
  std::vector<T> elements(array.elements.size() / sizeof(T));
  std::memcpy(elements.data(), array.elements.data(), array.elements.size());
  return elements;
}

}  // namespace

void GoldenReader::Keep(const absl::Status& status) { status_.Update(status); }

void GoldenReader::Require(bool holds, absl::string_view name, absl::string_view expected) {
  if (holds) return;
  Keep(absl::InvalidArgumentError(absl::StrCat(folder_, "/", name, ": expected ", expected)));
}

std::string GoldenReader::Text(const std::string& path) {
  if (!status_.ok()) return "";
  absl::StatusOr<std::string> text = ReadTextFile(path, kLargestFile);
  Keep(text.status());
  return text.ok() ? *std::move(text) : "";
}

GoldenTensor GoldenReader::Tensor(absl::string_view name, const std::vector<std::size_t>& shape) {
  const std::string path = absl::StrCat(folder_, "/", name, ".npy");
  const std::string file = Text(path);
  if (!status_.ok()) return {};
  const absl::StatusOr<NpyArray> array = ParseNpy(file, path);
  Keep(array.status());
  if (!array.ok()) return {};
  const std::string npy = absl::StrCat(name, ".npy");
  Require(array->type == NpyType::kFloat32, npy, "float32 elements");
  Require(HasShape(*array, shape), npy,
          absl::StrCat("shape ", ShapeText(shape), ", found ", ShapeText(array->shape)));
  if (!status_.ok()) return {};
  GoldenTensor tensor{array->shape, Elements<float>(*array)};
  Require(std::ranges::none_of(tensor.values, [](float value) { return std::isnan(value); }), npy,
          "no NaN");
  return tensor;
}

std::vector<TokenId> GoldenReader::Integers(absl::string_view name, std::size_t limit) {
  const std::string path = absl::StrCat(folder_, "/", name, ".npy");
  const std::string file = Text(path);
  if (!status_.ok()) return {};
  const absl::StatusOr<NpyArray> array = ParseNpy(file, path);
  Keep(array.status());
  if (!array.ok()) return {};
  const std::string npy = absl::StrCat(name, ".npy");
  Require(array->type == NpyType::kInt32 && array->shape.size() == 1, npy,
          "one dimension of int32 elements");
  if (!status_.ok()) return {};
  const std::vector<std::int32_t> numbers = Elements<std::int32_t>(*array);
  const auto in_range = [limit](std::int32_t number) {
    return number >= 0 && static_cast<std::size_t>(number) < limit;
  };
  Require(std::ranges::all_of(numbers, in_range), npy,
          absl::StrCat("numbers from 0 to ", limit - 1));
  if (!status_.ok()) return {};
  return {numbers.begin(), numbers.end()};
}

std::vector<nlohmann::json> GoldenReader::Objects(absl::string_view name) {
  const std::string path = absl::StrCat(folder_, "/", name, ".json");
  const std::string text = Text(path);
  if (!status_.ok()) return {};
  const absl::StatusOr<JsonDocument> array = ParseJsonArray(text, path);
  Keep(array.status());
  if (!array.ok()) return {};
  Require(!(*array)->empty() &&
              std::ranges::all_of(**array, [](const auto& e) { return e.is_object(); }),
          absl::StrCat(name, ".json"), "at least one element, all of them objects");
  if (!status_.ok()) return {};
  return {(*array)->begin(), (*array)->end()};
}

}  // namespace cascade::model
