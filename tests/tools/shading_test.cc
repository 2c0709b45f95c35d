// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/shading.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace cascade::cli {
namespace {

using ::testing::HasSubstr;

v1::TokenLogProbs Token(const std::string& bytes, double probability) {
  v1::TokenLogProbs token;
  token.set_token(bytes);
  token.set_logprob(static_cast<float>(std::log(probability)));
  return token;
}

// `text` as Paint() gives it in a shade.
std::string In(std::size_t shade, absl::string_view text) {
  return absl::StrCat("\x1b[38;5;", kShades.at(shade).foreground, ";48;5;",
                      kShades.at(shade).background, "m", text, "\x1b[0m");
}

TEST(ShadingTest, EachTokenHasTheShadeOfItsProbability) {
  Shader shader;
  for (const double probability : {0.9, 0.3, 0.2, 0.05, 0.001})
    shader.Add(Token(" x", probability));
  EXPECT_EQ(shader.Paint(" x x x x x"),
            absl::StrCat(" x", In(0, " x"), In(1, " x"), In(2, " x"), In(3, " x")));
}

TEST(ShadingTest, TextMayComeLaterThanItsTokens) {
  Shader shader;
  shader.Add(Token("ab", 0.3));
  EXPECT_EQ(shader.Paint("a"), In(0, "a"));
  EXPECT_EQ(shader.Paint(""), "");
  shader.Add(Token("c", 0.3));
  EXPECT_EQ(shader.Paint("bc"), In(0, "bc"));
}

TEST(ShadingTest, ACharacterOfSeveralTokensIsNotCut) {
  Shader shader;
  shader.Add(Token(" \xE2\x82", 0.9));
  EXPECT_EQ(shader.Paint(" "), " ");
  shader.Add(Token("\xAC", 0.05));
  shader.Add(Token("!", 0.9));
  EXPECT_EQ(shader.Paint("\xE2\x82\xAC!"), absl::StrCat(In(2, "\xE2\x82\xAC"), "!"));
}

TEST(ShadingTest, BytesThatAreNoCharacterAreTheReplacementCharacters) {
  Shader shader;
  shader.Add(Token("\xE2\x82", 0.05));
  shader.Add(Token("\x80", 0.3));
  shader.Add(Token("\x80", 0.3));
  shader.Add(Token("a", 0.05));
  // The first sequence lacks nothing to be a character: what follows is one byte too many.
  EXPECT_EQ(shader.Paint("\xE2\x82\x80\xEF\xBF\xBD"
                         "a"),
            absl::StrCat(In(2, "\xE2\x82\x80"), In(0, "\xEF\xBF\xBD"), In(2, "a")));
  shader.Add(Token("\xE2\x82", 0.3));
  shader.Add(Token("b", 0.9));
  EXPECT_EQ(shader.Paint("\xEF\xBF\xBD"
                         "b"),
            absl::StrCat(In(0, "\xEF\xBF\xBD"), "b"));
}

TEST(ShadingTest, TokensThatAreNotInTheTextArePassedOver) {
  Shader shader;
  shader.Add(Token("<|endoftext|>", 0.9));
  shader.Add(Token(" a", 0.05));
  EXPECT_EQ(shader.Paint(" a"), In(2, " a"));
}

TEST(ShadingTest, TextThatNoTokenIsKnownForIsPlain) {
  Shader shader;
  EXPECT_EQ(shader.Paint("a\xEF\xBF\xBD"), "a\xEF\xBF\xBD");
  shader.Add(Token("", 0.05));
  EXPECT_EQ(shader.Paint("b"), "b");
}

TEST(ShadingTest, NewlinesAreNotShadedAndControlsAreReplaced) {
  Shader shader;
  shader.Add(Token("a\n\x1b[2J\n", 0.05));
  EXPECT_EQ(shader.Paint("a\n\x1b[2J\n"),
            absl::StrCat(In(2, "a"), "\n", In(2, "\xEF\xBF\xBD[2J"), "\n"));
}

// The relative luminance of WCAG 2 of a colour of the palette's cube, which begins at 16.
double Luminance(int color) {
  const auto linear = [](int level) {
    const double value = level == 0 ? 0 : (55 + 40 * level) / 255.0;
    return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  };
  const int cube = color - 16;
  return 0.2126 * linear(cube / 36) + 0.7152 * linear(cube / 6 % 6) + 0.0722 * linear(cube % 6);
}

TEST(ShadingTest, ShadesCanBeReadAndDifferInLightness) {
  double before = 1;
  for (const Shade& shade : kShades) {
    const double background = Luminance(shade.background);
    const double foreground = Luminance(shade.foreground);
    const double contrast =
        (std::max(background, foreground) + 0.05) / (std::min(background, foreground) + 0.05);
    EXPECT_GE(contrast, 7) << shade.background;  // WCAG's AAA
    EXPECT_LT(background, before) << shade.background;
    before = background;
  }
}

TEST(ShadingTest, TheLegendIsOneLineThatShowsEachShade) {
  const std::string legend = ShadingLegend();
  EXPECT_EQ(std::count(legend.begin(), legend.end(), '\n'), 1);
  EXPECT_THAT(legend, HasSubstr("50% or more"));
  EXPECT_THAT(legend, HasSubstr(In(0, " 25%+ ")));
  EXPECT_THAT(legend, HasSubstr(In(3, " below 2% ")));
}

}  // namespace
}  // namespace cascade::cli
