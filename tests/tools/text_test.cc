// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/text.h"

#include <gtest/gtest.h>

namespace cascade::cli {
namespace {

constexpr char kMark[] = "\xEF\xBF\xBD";  // U+FFFD

TEST(PrintableTest, LeavesTextAsItIs) {
  EXPECT_EQ(Printable("A tale,\n\tof \xC3\xA9t\xC3\xA9 and \xF0\x9F\x90\xBA."),
            "A tale,\n\tof \xC3\xA9t\xC3\xA9 and \xF0\x9F\x90\xBA.");
}

TEST(PrintableTest, LetsNoEscapeSequenceThrough) {
  EXPECT_EQ(Printable("\x1b[2J"), std::string(kMark) + "[2J");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "2J"),
            std::string(kMark) + "2J");  // C1: CSI in one character
}

TEST(PrintableTest, ReplacesEveryControlCharacterButNewlineAndTab) {
  for (int c = 0; c < 0x20; ++c) {
    const std::string text(1, static_cast<char>(c));
    EXPECT_EQ(Printable(text), c == '\n' || c == '\t' ? text : kMark) << c;
  }
  EXPECT_EQ(Printable("\x7F"), kMark);
  for (int c = 0x80; c < 0xA0; ++c) {
    EXPECT_EQ(Printable(std::string("\xC2") + static_cast<char>(c)), kMark) << c;
  }
  EXPECT_EQ(Printable("\xC2\xA0"), "\xC2\xA0");  // no-break space is no control
}

TEST(QuotedTest, ShowsTextOnOneLine) {
  EXPECT_EQ(Quoted(" upon"), "\" upon\"");
  EXPECT_EQ(Quoted("a\n\t\"\\"), "\"a\\n\\t\\\"\\\\\"");
  EXPECT_EQ(Quoted("\xC3\xA9"), "\"\xC3\xA9\"");
}

TEST(QuotedTest, ShowsBytesThatAreNoCharacters) {
  EXPECT_EQ(Quoted("\xC3"), "\"\\xc3\"");
  EXPECT_EQ(Quoted("\x1b["), "\"\\x1b[\"");
  EXPECT_EQ(Quoted("\xC2\x9B"), "\"\\xc2\\x9b\"");
}

TEST(IsUtf8Test, TakesTheFirstAndLastCharacterOfEachLength) {
  for (const char* text :
       {"", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
}

TEST(IsUtf8Test, RefusesStrayOverlongSurrogateTooLargeAndCutOff) {
  for (const char* text : {"\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xE2\x82", "\xED\xA0\x80",
                           "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_FALSE(IsUtf8(text)) << Quoted(text);
  }
}

}  // namespace
}  // namespace cascade::cli
