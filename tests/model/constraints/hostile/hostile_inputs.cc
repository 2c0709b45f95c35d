// SPDX-License-Identifier: Apache-2.0

#include "tests/model/constraints/hostile/hostile_inputs.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::testing {
namespace {

using Kind = model::ConstraintSpec::Kind;

constexpr std::array<std::size_t, 6> kSizes = {300, 2000, 8000, 20000, 40000, kMostHostileBytes};
constexpr std::size_t kMostChoices = 1024;

void AddFamilies(Kind kind, const std::vector<HostileFamily>& families,
                 std::vector<HostileInput>& inputs) {
  for (const HostileFamily& family : families) {
    for (const std::size_t bytes : kSizes) {
      HostileInput input;
      input.name = absl::StrCat(family.name, " of ", bytes);
      input.spec.kind = kind;
      input.spec.text = family.text(bytes);
      inputs.push_back(std::move(input));
    }
  }
}

// As many choices as are allowed, with `bytes` of text among them.
HostileInput Choices(absl::string_view name, std::size_t bytes,
                     absl::FunctionRef<std::string(std::size_t, std::size_t)> choice) {
  HostileInput input;
  input.name = absl::StrCat("choices ", name, " of ", bytes);
  input.spec.kind = Kind::kChoice;
  for (std::size_t i = 0; i < kMostChoices; ++i) {
    input.spec.choices.push_back(choice(i, bytes / kMostChoices));
  }
  return input;
}

void AddChoices(std::vector<HostileInput>& inputs) {
  const auto common_prefix = [](std::size_t i, std::size_t length) {
    return Times("a", length) + std::to_string(i);
  };
  const auto common_end = [](std::size_t i, std::size_t length) {
    return std::to_string(i) + Times("z", length);
  };
  const auto prefixes = [](std::size_t i, std::size_t) { return Times("b", 1 + i / 8); };
  const auto bytes = [](std::size_t i, std::size_t length) {
    std::string text;
    for (std::size_t k = 0; k <= length; ++k) {
      text.push_back(static_cast<char>((i * 7 + k * k * 31 + i * k) % 255 + 1));
    }
    return text;
  };
  for (const std::size_t size : kSizes) {
    inputs.push_back(Choices("with a common prefix", size, common_prefix));
    inputs.push_back(Choices("with a common end", size, common_end));
    inputs.push_back(Choices("of each other's prefixes", size, prefixes));
    inputs.push_back(Choices("of all bytes", size, bytes));
  }
}

}  // namespace

std::vector<HostileInput> HostileInputs() {
  std::vector<HostileInput> inputs;
  AddFamilies(Kind::kRegex, HostileRegexes(), inputs);
  AddFamilies(Kind::kJsonSchema, HostileSchemas(), inputs);
  AddFamilies(Kind::kJsonSchema, HostileUnionSchemas(), inputs);
  AddFamilies(Kind::kGrammar, HostileGrammars(), inputs);
  AddChoices(inputs);
  return inputs;
}

std::string Filled(std::size_t bytes, absl::string_view begin,
                   absl::FunctionRef<std::string(std::size_t)> piece, absl::string_view end) {
  std::string text(begin);
  for (std::size_t i = 0;; ++i) {
    const std::string next = piece(i);
    if (text.size() + next.size() + end.size() > bytes && i > 0) break;
    text += next;
  }
  absl::StrAppend(&text, end);
  return text;
}

std::string List(std::size_t bytes, absl::string_view begin,
                 absl::FunctionRef<std::string(std::size_t)> piece, absl::string_view end) {
  return Filled(
      bytes, begin, [&](std::size_t i) { return absl::StrCat(i == 0 ? "" : ",", piece(i)); }, end);
}

std::string Times(absl::string_view text, std::size_t count) {
  std::string repeated;
  for (std::size_t i = 0; i < count; ++i) absl::StrAppend(&repeated, text);
  return repeated;
}

}  // namespace cascade::testing
