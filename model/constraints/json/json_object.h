// SPDX-License-Identifier: Apache-2.0
// Objects of JSON with given members, some of which may be left out.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "model/constraints/grammar.h"
#include "model/constraints/json/json_grammar.h"
#include "model/constraints/json/merged_schema.h"

namespace cascade::model {

struct ObjectShape {
  struct Member {
    Grammar::Expression text;  // key, ": " and value
    bool is_required = false;
  };

  std::vector<Member> members;               // in the order in which they are written
  std::optional<Grammar::Expression> other;  // a member that may follow, any number of times
  CountRange counts;                         // of all members
};

// INVALID_ARGUMENT, naming `place`, if the members are too many: those that may be left out before
// the first that is required, with what may follow each. Their texts do not matter.
absl::Status CheckMembers(const ObjectShape& shape, const SchemaPlace& place);

// Adds the objects of the shape, which CheckMembers allows. INVALID_ARGUMENT, naming `place`, if
// there are none, or if `counts` demands what the members do not show: to count members that may be
// left out is not supported.
absl::StatusOr<Grammar::Expression> AddObjects(ObjectShape shape, const SchemaPlace& place,
                                               JsonGrammar& json, Grammar& grammar);

}  // namespace cascade::model
