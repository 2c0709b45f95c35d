// SPDX-License-Identifier: Apache-2.0

#include "spelling/suggestion.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace cascade {
namespace {

const std::vector<std::string> kNames = {"max_queued", "max_new_tokens", "simd", "repl", "n"};

std::string Suggested(absl::string_view word) { return Suggestion(word, kNames, "--"); }

TEST(SuggestionTest, IsTheNameThatIsWrittenMostAlike) {
  EXPECT_EQ(Suggested("max_queue"), "; is it --max_queued?");
  EXPECT_EQ(Suggested("maxqueued"), "; is it --max_queued?");
  EXPECT_EQ(Suggested("smid"), "; is it --simd?");
  EXPECT_EQ(Suggestion("rpl", kNames, ""), "; is it repl?");
}

TEST(SuggestionTest, OneOfSeveralWordsMayBeMissing) {
  EXPECT_EQ(Suggested("max_tokens"), "; is it --max_new_tokens?");
}

TEST(SuggestionTest, IsEmptyIfNoNameIsLikeTheWord) {
  for (const char* word : {"colour", "run", "x", "", "a_word_longer_than_any_of_the_names"}) {
    EXPECT_EQ(Suggested(word), "") << word;
  }
  EXPECT_EQ(Suggestion("max_queued", {}, "--"), "");
}

TEST(SuggestionTest, DoesNotDependOnTheNamesOrder) {
  for (const std::vector<std::string>& names :
       {std::vector<std::string>{"top_k", "top_p"}, std::vector<std::string>{"top_p", "top_k"}}) {
    EXPECT_EQ(Suggestion("top_n", names, "--"), "; is it --top_k?");
  }
}

}  // namespace
}  // namespace cascade
