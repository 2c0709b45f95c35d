// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/byte_alphabet.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::model {
namespace {

TEST(ByteAlphabetTest, WritesBytesAsGpt2Does) {
  EXPECT_EQ(BytesToAlphabet(" Hi\n"), "ĠHiĊ");
  EXPECT_EQ(BytesToAlphabet(absl::string_view("\0\x7f\x80\xa0\xa1\xad\xff", 7)), "ĀġĢł¡Ńÿ");
}

TEST(ByteAlphabetTest, ReadsWhatItWrites) {
  std::set<std::string> characters;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string bytes(1, static_cast<char>(byte));
    const std::string written = BytesToAlphabet(bytes);
    EXPECT_EQ(BytesFromAlphabet(written).value(), bytes);
    characters.insert(written);
  }
  EXPECT_EQ(characters.size(), 256U);
}

TEST(ByteAlphabetTest, RefusesCharactersOutsideIt) {
  for (const std::string written :
       {" ", "\t", "\xc2\xa0", "\xc2\xad", "\u0144", "\u4e2d", "\U0001f600"}) {
    const absl::Status status = BytesFromAlphabet("a" + written).status();
    EXPECT_THAT(std::string(status.message()),
                ::testing::HasSubstr("'" + written + "' is not in GPT-2's byte alphabet"));
  }
}

TEST(ByteAlphabetTest, RefusesBytesThatAreNotUtf8) {
  EXPECT_EQ(BytesFromAlphabet("a\xc4").status().message(), "byte 0xc4 is not UTF-8");
  EXPECT_EQ(BytesFromAlphabet("\xff").status().message(), "byte 0xff is not UTF-8");
}

}  // namespace
}  // namespace cascade::model
