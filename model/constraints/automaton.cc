// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/automaton.h"

#include <algorithm>
#include <span>

namespace cascade::model {
namespace {

// So that the next push_back allocates nothing: what has its number in a map is in the list, too.
template <typename T>
void MakeRoom(std::vector<T>& list) {
  if (list.size() == list.capacity()) list.reserve(2 * list.size() + 1);
}

}  // namespace

Automaton::Automaton(std::shared_ptr<const Nfa> nfa, std::size_t steps)
    : nfa_(std::move(nfa)), frames_(1), marks_(nfa_->size()), steps_left_(steps) {
  // kDead, which has no place and no end, and leads to itself.
  const auto [dead, is_new] = state_of_.try_emplace({Places{}, false}, kDead);
  states_.push_back({.places = &dead->first.first, .can_end = false, .row = 0});
  rows_.assign(nfa_->byte_classes(), kDead);
  start_ = StateOf({Place{.state = nfa_->start(), .frames = 0}});
}

bool Automaton::TakeStep() {
  if (steps_left_ == 0) return false;
  --steps_left_;
  return true;
}

Automaton::Frames Automaton::PushFrame(Nfa::State back_to, Frames outer) {
  // A call at the end of a rule needs no way back: so lists stay short where a rule repeats itself
  // by ending with itself.
  if (nfa_->node(back_to).kind == Nfa::Kind::kReturn) return outer;
  const Frame frame = {.back_to = back_to, .outer = outer};
  MakeRoom(frames_);
  const auto [found, is_new] = frames_of_.try_emplace(frame, static_cast<Frames>(frames_.size()));
  if (is_new) {
    frames_.push_back(frame);
    bytes_ += 4 * sizeof(Frame);
  }
  return found->second;
}

bool Automaton::IsNew(const Place& place) {
  Mark& mark = marks_[place.state];
  if (mark.closure == closure_) {
    return mark.frames != place.frames && others_.insert(place).second;
  }
  mark = {.closure = closure_, .frames = place.frames};
  return true;
}

bool Automaton::Close(Places reached, Places& places) {
  others_.clear();
  if (++closure_ == 0) {  // after 2^32 of them
    std::ranges::fill(marks_, Mark());
    closure_ = 1;
  }
  bool can_end = false;
  Places open = std::move(reached);
  while (!open.empty()) {
    const Place place = open.back();
    open.pop_back();
    if (!IsNew(place)) continue;
    if (!TakeStep()) return false;
    const Nfa::Node& node = nfa_->node(place.state);
    switch (node.kind) {
      case Nfa::Kind::kByte:
        places.push_back(place);
        break;
      case Nfa::Kind::kFork:
        for (const Nfa::State way : nfa_->forks(node)) open.push_back({way, place.frames});
        break;
      case Nfa::Kind::kCall:
        open.push_back({node.data, PushFrame(node.next, place.frames)});
        break;
      case Nfa::Kind::kReturn:
        if (place.frames == 0) {
          can_end = true;
        } else {
          const Frame& frame = frames_[place.frames];
          open.push_back({frame.back_to, frame.outer});
        }
        break;
    }
  }
  std::ranges::sort(places);
  return can_end;
}

Automaton::State Automaton::StateOf(Places reached) {
  Places places;
  const bool can_end = Close(std::move(reached), places);
  if (exhausted()) return kDead;
  MakeRoom(states_);
  const auto [found, is_new] =
      state_of_.try_emplace({std::move(places), can_end}, static_cast<State>(states_.size()));
  if (is_new) {
    const Places& kept = found->first.first;
    states_.push_back({.places = &kept, .can_end = can_end});
    bytes_ += kept.capacity() * sizeof(Place) + sizeof(StateData) + 64;
  }
  return found->second;
}

bool Automaton::Visit(State state) {
  if (states_[state].row == kNoRow) {
    const std::size_t before = steps_left_;
    if (!Expand(state)) return false;
    states_[state].steps = static_cast<std::uint32_t>(before - steps_left_);
  } else {
    steps_left_ -= std::min<std::size_t>(steps_left_, states_[state].steps);
    if (exhausted()) return false;
  }
  states_[state].walk = walk_;
  return true;
}

bool Automaton::Expand(State state) {
  const std::size_t classes = nfa_->byte_classes();
  std::vector<Places> reached(classes);  // by class, before Close
  for (const Place& place : *states_[state].places) {
    const Nfa::Node& node = nfa_->node(place.state);
    for (const std::uint8_t byte_class : nfa_->classes(node)) {
      if (!TakeStep()) return false;
      reached[byte_class].push_back({node.next, place.frames});
    }
  }
  std::vector<State> row(classes, kDead);
  std::unordered_map<Places, State, absl::Hash<Places>>
      made;  // most classes lead to where others lead
  for (std::size_t each = 0; each < classes && !exhausted(); ++each) {
    if (reached[each].empty()) continue;
    const auto [found, is_new] = made.try_emplace(std::move(reached[each]), kDead);
    if (is_new) found->second = StateOf(found->first);
    row[each] = found->second;
  }
  if (exhausted()) return false;
  states_[state].row = static_cast<std::uint32_t>(rows_.size());
  rows_.insert(rows_.end(), row.begin(), row.end());
  bytes_ += classes * sizeof(State);
  return true;
}

std::optional<std::uint8_t> Automaton::OnlyByte(State state) {
  std::optional<std::uint8_t> only;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (Next(state, static_cast<std::uint8_t>(byte)) == kDead) continue;
    if (only) return std::nullopt;
    only = static_cast<std::uint8_t>(byte);
  }
  return only;
}

Automaton::State Automaton::Import(const Automaton& other, State state) {
  Places places = *other.states_[state].places;
  for (Place& place : places) {
    std::vector<Nfa::State> calls;  // from the innermost
    for (Frames frames = place.frames; frames != 0; frames = other.frames_[frames].outer) {
      calls.push_back(other.frames_[frames].back_to);
    }
    place.frames = 0;
    for (auto call = calls.rbegin(); call != calls.rend(); ++call) {
      place.frames = PushFrame(*call, place.frames);
    }
  }
  std::ranges::sort(places);
  const bool can_end = other.CanEnd(state);
  MakeRoom(states_);
  const auto [found, is_new] =
      state_of_.try_emplace({std::move(places), can_end}, static_cast<State>(states_.size()));
  if (is_new) {
    states_.push_back({.places = &found->first.first, .can_end = can_end});
  }
  return found->second;
}

}  // namespace cascade::model
