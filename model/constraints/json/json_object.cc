// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/json/json_object.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"

namespace cascade::model {
namespace {

using Expression = Grammar::Expression;
using Member = ObjectShape::Member;

// Where all members may be left out, what may follow the first of them takes space that grows with
// the square of their number: room for some 450.
constexpr std::size_t kMaxFollowers = 200'000;
constexpr std::size_t kFewLeads = 4;  // where it is not worth a rule for each follower

// How many members of which each may be the first: up to the first that is required.
std::size_t CountLeads(const std::vector<Member>& members) {
  const auto required = std::find_if(members.begin(), members.end(),
                                     [](const Member& member) { return member.is_required; });
  const auto before = static_cast<std::size_t>(required - members.begin());
  return before + (required == members.end() ? 0 : 1);
}

std::size_t CountRequired(const ObjectShape& shape) {
  return static_cast<std::size_t>(
      std::count_if(shape.members.begin(), shape.members.end(),
                    [](const Member& member) { return member.is_required; }));
}

// Writes a list of members, whose first may be any up to the first that is required.
class MemberList {
 public:
  MemberList(const ObjectShape& shape, std::size_t most_others, JsonGrammar& json, Grammar& grammar)
      : members_(shape.members),
        other_(shape.other),
        most_others_(most_others),
        json_(json),
        grammar_(grammar) {}

  // With or without the empty list, where no member is required.
  Expression Write(bool may_be_empty) {
    const std::size_t leads = CountLeads(members_);
    const bool has_required = leads > 0 && members_[leads - 1].is_required;
    if (leads > 1 || other_) ShareLeads(leads);
    WriteFollowers(leads);
    std::vector<Expression> ways;
    for (std::size_t i = 0; i < leads; ++i) {
      std::vector<Expression> parts = {members_[i].text};
      parts.insert(parts.end(), followers_.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                   followers_.end());
      ways.push_back(grammar_.Sequence(parts));
    }
    if (!has_required && other_ && most_others_ > 0) ways.push_back(Others());
    if (!has_required && may_be_empty) ways.push_back(grammar_.Empty());
    return ways.size() == 1 ? ways.front() : grammar_.Choice(ways);
  }

 private:
  // These stand in several places.
  void ShareLeads(std::size_t leads) {
    for (std::size_t i = 0; i < leads; ++i) {
      members_[i].text = json_.Shared(members_[i].text, "member");
    }
    if (other_) other_ = json_.Shared(*other_, "member");
  }

  // Each member as it stands after another one, and at last the others.
  void WriteFollowers(std::size_t leads) {
    const Expression comma = grammar_.Literal(", ");
    for (const Member& member : members_) {
      Expression follower = grammar_.Sequence({comma, member.text});
      if (leads > kFewLeads) follower = json_.Shared(follower, "member after a comma");
      followers_.push_back(member.is_required ? follower : grammar_.Optional(follower));
    }
    if (!other_ || most_others_ == 0) return;
    followers_.push_back(grammar_.Repeat(grammar_.Sequence({comma, *other_}), 0, most_others_));
  }

  // A list of the others alone.
  Expression Others() {
    const std::size_t rest = most_others_ == Grammar::kUnbounded ? most_others_ : most_others_ - 1;
    return json_.List(*other_, *other_, 0, rest);
  }

  std::vector<Member> members_;
  std::optional<Expression> other_;
  std::size_t most_others_;
  JsonGrammar& json_;
  Grammar& grammar_;
  std::vector<Expression> followers_;
};

}  // namespace

absl::Status CheckMembers(const ObjectShape& shape, const SchemaPlace& place) {
  // Where counts demand all of them, or allow only those that are required, none may be left out.
  if (shape.counts.least >= shape.members.size() || CountRequired(shape) >= shape.counts.most) {
    return absl::OkStatus();
  }
  const std::size_t leads = CountLeads(shape.members);
  if (leads * (shape.members.size() + 1) <= kMaxFollowers) return absl::OkStatus();
  return SchemaError(place,
                     absl::StrCat("too many properties, ", leads,
                                  ", may be left out before the first required one; some 400 are "
                                  "possible, and more if earlier ones are required"));
}

absl::StatusOr<Expression> AddObjects(ObjectShape shape, const SchemaPlace& place,
                                      JsonGrammar& json, Grammar& grammar) {
  const std::size_t required = CountRequired(shape);
  const CountRange counts = shape.counts;
  if (counts.least > counts.most || required > counts.most ||
      (!shape.other && counts.least > shape.members.size())) {
    return SchemaError(place,
                       "no object has as many members as minProperties and maxProperties "
                       "say, so nothing satisfies the schema");
  }
  if (required == counts.most) {
    std::erase_if(shape.members, [](const Member& member) { return !member.is_required; });
    shape.other.reset();
  }
  if (shape.members.size() > counts.most) {
    return SchemaError(place,
                       "maxProperties below the number of properties is not supported, "
                       "unless it is that of the required ones");
  }
  const std::size_t most_others =
      counts.most == Grammar::kUnbounded ? counts.most : counts.most - shape.members.size();
  if (!shape.other && counts.least == shape.members.size()) {
    for (Member& member : shape.members) member.is_required = true;
  } else if (counts.least > required && counts.least > 1) {
    return SchemaError(place,
                       "minProperties above the number of required properties is "
                       "supported if it is 1 or all of them");
  }
  const Expression list = MemberList(shape, most_others, json, grammar).Write(counts.least == 0);
  return grammar.Sequence({grammar.Literal("{"), list, grammar.Literal("}")});
}

}  // namespace cascade::model
