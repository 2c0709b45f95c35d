// SPDX-License-Identifier: Apache-2.0
// A grammar as a machine that reads bytes: a nondeterministic automaton for each rule, which may
// call one another.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "model/constraints/grammar.h"

namespace cascade::model {

// Immutable; any thread. From every state there is a way to the end of its rule, so that what the
// machine has read so far can always become a text of the grammar.
class Nfa {
 public:
  using State = std::uint32_t;

  enum class Kind : std::uint8_t {
    kByte,    // reads a byte of a set, then goes on at `next`
    kFork,    // goes on at each of several states
    kCall,    // goes on where `rule` begins, and at `next` when it has ended
    kReturn,  // the end of a rule, or of the text
  };

  struct Node {
    Kind kind = Kind::kReturn;
    std::uint32_t data =
        0;           // kByte: the set's index; kCall: the rule's first state; kFork: a place
    State next = 0;  // kFork: how many states
  };

  // The most states that a grammar may have, once counts are expanded; each has 12 bytes.
  static constexpr std::size_t kMaxStates = 200'000;

  // The most parts of expressions to look at while they are made. More than states only where many
  // parts are empty or impossible: those make no states, and counts repeat them all the same.
  static constexpr std::size_t kMaxWork = 1'000'000;

  // INVALID_ARGUMENT: the grammar has no text; a rule that is not defined or
  // begins with itself (left recursion); more than kMaxStates states or kMaxWork; or parts that
  // nest too deep.
  static absl::StatusOr<Nfa> Make(const Grammar& grammar);

  State start() const { return start_; }
  const Node& node(State state) const { return nodes_[state]; }
  std::span<const State> forks(const Node& node) const {
    return std::span(forks_).subspan(node.data, node.next);
  }
  // The classes of the bytes that a kByte state reads, ascending.
  std::span<const std::uint8_t> classes(const Node& node) const {
    return std::span(classes_).subspan(class_lists_[node.data],
                                       class_lists_[node.data + 1] - class_lists_[node.data]);
  }

  // Bytes that no set tells apart are of one class; classes are numbered from 0.
  std::uint8_t byte_class(std::uint8_t byte) const { return byte_class_[byte]; }
  std::size_t byte_classes() const { return byte_classes_; }

  std::size_t size() const { return nodes_.size(); }
  std::size_t bytes() const;  // of memory

 private:
  friend class NfaBuilder;
  Nfa() = default;

  std::vector<Node> nodes_;
  std::vector<State> forks_;
  std::vector<std::uint8_t> classes_;       // of all sets, one set after the other
  std::vector<std::uint32_t> class_lists_;  // where in classes_ each set's begin, and the end
  std::array<std::uint8_t, 256> byte_class_ = {};
  std::size_t byte_classes_ = 1;
  State start_ = 0;
};

}  // namespace cascade::model
