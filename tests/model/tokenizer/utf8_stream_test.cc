// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/utf8_stream.h"

#include <random>
#include <string>

#include "gtest/gtest.h"
#include "tests/model/tokenizer/golden.h"

namespace cascade::model {
namespace {

std::string DecodeAtOnce(absl::string_view bytes) {
  Utf8Stream stream;
  std::string text = stream.Push(bytes);
  return text + stream.Flush();
}

TEST(Utf8StreamTest, HoldsACharacterUntilItIsComplete) {
  Utf8Stream stream;
  EXPECT_EQ(stream.Push("a\xf0\x9f"), "a");
  EXPECT_EQ(stream.Push("\x98"), "");
  EXPECT_EQ(stream.Push("\x80z"), "\xf0\x9f\x98\x80z");
  EXPECT_EQ(stream.Flush(), "");
}

TEST(Utf8StreamTest, GivesUpAtOnceOnWhatCannotBeCompleted) {
  Utf8Stream stream;
  EXPECT_EQ(stream.Push("\xe2\x82"), "");
  EXPECT_EQ(stream.Push("a"),
            "\xef\xbf\xbd"
            "a");
  EXPECT_EQ(stream.Push("\xff"), "\xef\xbf\xbd");
  EXPECT_EQ(stream.Flush(), "");
}

TEST(Utf8StreamTest, FlushEndsWhatIsHeldAndMayBeFollowedByMore) {
  Utf8Stream stream;
  EXPECT_EQ(stream.Push("\xe2\x82"), "");
  EXPECT_EQ(stream.Flush(), "\xef\xbf\xbd");
  EXPECT_EQ(stream.Flush(), "");
  EXPECT_EQ(stream.Push("\xac"), "\xef\xbf\xbd");
}

TEST(Utf8StreamTest, DecodesAsPythonDoes) {
  for (const nlohmann::json& line : testing::ReadGolden("utf8.jsonl")) {
    EXPECT_EQ(DecodeAtOnce(testing::FromHex(line["hex"])), line["text"].get<std::string>())
        << line["hex"];
  }
}

TEST(Utf8StreamTest, EveryCutInTwoGivesTheSameText) {
  for (const nlohmann::json& line : testing::ReadGolden("utf8.jsonl")) {
    const std::string bytes = testing::FromHex(line["hex"]);
    const absl::string_view view = bytes;
    for (std::size_t cut = 0; cut <= view.size(); ++cut) {
      Utf8Stream stream;
      std::string text = stream.Push(view.substr(0, cut));
      text += stream.Push(view.substr(cut));
      text += stream.Flush();
      EXPECT_EQ(text, line["text"].get<std::string>()) << line["hex"] << " cut at " << cut;
    }
  }
}

// Every way of cutting a short text: bit i of `cuts` says whether there is a cut after byte i.
TEST(Utf8StreamTest, EveryWayOfCuttingGivesTheSameText) {
  for (const std::string bytes :
       {"\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa9z", "\xf0\x9f\x98\xf0\x9f\xe2\x82\xe2\xc3",
        "\xed\xa0\x80\xf4\x90\x80\xc0\x80\xe0\x9f", "\x80\xff\xe2\x82\xf1\x80\x80\x41\xc2"}) {
    const std::string expected = DecodeAtOnce(bytes);
    for (unsigned cuts = 0; cuts < 1U << bytes.size(); ++cuts) {
      Utf8Stream stream;
      std::string text;
      std::string piece;
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        piece.push_back(bytes[i]);
        if ((cuts >> i & 1U) == 0) continue;
        text += stream.Push(piece);
        piece.clear();
      }
      text += stream.Push(piece);
      text += stream.Flush();
      ASSERT_EQ(text, expected) << "cuts " << cuts;
    }
  }
}

TEST(Utf8StreamTest, RandomBytesInRandomPiecesGiveTheSameText) {
  std::mt19937 generator(4);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes(generator() % 48, '\0');
    for (char& byte : bytes) {  // mostly bytes that begin or continue characters
      const unsigned high_bit = generator() % 4 == 0 ? 0U : 0x80U;
      byte = static_cast<char>(generator() | high_bit);
    }
    Utf8Stream stream;
    std::string text;
    for (absl::string_view rest = bytes; !rest.empty();) {
      const absl::string_view piece = rest.substr(0, 1 + generator() % 7);
      text += stream.Push(piece);
      rest.remove_prefix(piece.size());
    }
    text += stream.Flush();
    ASSERT_EQ(text, DecodeAtOnce(bytes));
  }
}

}  // namespace
}  // namespace cascade::model
