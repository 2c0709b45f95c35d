// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/json/ordered_json.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/value_or_die.h"

namespace cascade::model {
namespace {

using testing::ValueOrDie;

TEST(OrderedJsonTest, FindsMembersHoweverMany) {
  for (const std::size_t count : {0U, 1U, 16U, 17U, 500U}) {
    std::string text = "{";
    for (std::size_t i = 0; i < count; ++i) {
      absl::StrAppend(&text, i == 0 ? "" : ",", "\"", i * 7919 % 1000, "\":", i);
    }
    const OrderedJson object = ValueOrDie(ParseOrderedJson(text + "}"));
    ASSERT_EQ(object.members.size(), count);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(object.members[i].name, absl::StrCat(i * 7919 % 1000)) << "in their order";
      const OrderedJson* const found = object.Find(absl::StrCat(i * 7919 % 1000));
      ASSERT_NE(found, nullptr);
      EXPECT_EQ(found->text, absl::StrCat(i));
    }
    EXPECT_EQ(object.Find(""), nullptr);
    EXPECT_EQ(object.Find("x"), nullptr);
  }
}

}  // namespace
}  // namespace cascade::model
