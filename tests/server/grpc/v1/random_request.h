// SPDX-License-Identifier: Apache-2.0
// Requests of random shapes, and what is wrong with them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>
#include <set>
#include <string>

#include "cascade/v1/text_generation.pb.h"

namespace cascade::testing {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}

  // [0, end)
  std::uint32_t Below(std::uint32_t end) { return static_cast<std::uint32_t>(engine_() % end); }
  bool OneIn(std::uint32_t n) { return Below(n) == 0; }

  template <typename T>
  T Pick(std::initializer_list<T> values) {
    return *(values.begin() + Below(static_cast<std::uint32_t>(values.size())));
  }

  // Words, spaces, characters of several bytes; six tokens a word at most.
  std::string Text(std::uint32_t max_words);

 private:
  std::mt19937_64 engine_;
};

// A request and the fields of it that are wrong.
struct RandomRequest {
  v1::GenerateRequest request;
  std::set<std::string> wrong;
  std::string wrong_constraint;  // the field, if all else is right
  bool too_long = false;         // wrong if all else is right
};

// For a model of `context` positions and `vocabulary` tokens.
RandomRequest MakeRandomRequest(Dice& dice, std::uint32_t context, std::uint32_t vocabulary);

}  // namespace cascade::testing
