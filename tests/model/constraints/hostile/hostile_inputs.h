// SPDX-License-Identifier: Apache-2.0
// Patterns, schemas and grammars that someone might send to make a server slow or large.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "model/constraints/constraint_spec.h"

namespace cascade::testing {

struct HostileInput {
  std::string name;  // its family and size
  model::ConstraintSpec spec;
};

// As long as a constraint's text may be in a request.
inline constexpr std::size_t kMostHostileBytes = std::size_t{1} << 16;

// All of them, each family in several sizes up to kMostHostileBytes. The same at every call.
std::vector<HostileInput> HostileInputs();

// A family: its text for about so many bytes.
struct HostileFamily {
  std::string name;
  std::string (*text)(std::size_t bytes);
};

std::vector<HostileFamily> HostileRegexes();
std::vector<HostileFamily> HostileSchemas();
std::vector<HostileFamily> HostileUnionSchemas();  // schemas that hold together or instead
std::vector<HostileFamily> HostileGrammars();

// `begin`, then as many of piece(0), piece(1) ... as there is room for, then `end`.
std::string Filled(std::size_t bytes, absl::string_view begin,
                   absl::FunctionRef<std::string(std::size_t)> piece, absl::string_view end);

// The same with a comma between the pieces.
std::string List(std::size_t bytes, absl::string_view begin,
                 absl::FunctionRef<std::string(std::size_t)> piece, absl::string_view end);

std::string Times(absl::string_view text, std::size_t count);

}  // namespace cascade::testing
