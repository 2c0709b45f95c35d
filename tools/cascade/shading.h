// SPDX-License-Identifier: Apache-2.0
// Shades a text by how probable its tokens were, for terminals with 256 colours.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <string>

#include "absl/strings/string_view.h"
#include "cascade/v1/text_generation.pb.h"

namespace cascade::cli {

// A shade is a background with a foreground that can be read on it, whatever the terminal's own
// colours are. Both are indices into the palette of 256.
struct Shade {
  double at_least;  // for tokens of this probability, up to that of the shade before
  int background;
  int foreground;
};

// The less probable, the darker, from light yellow to dark red: shades differ in lightness, so that
// nobody needs to tell their hues apart. What is more probable than all of these is not shaded.
inline constexpr double kUnshaded = 0.5;
inline constexpr std::array<Shade, 4> kShades = {{
    {.at_least = 0.25, .background = 229, .foreground = 16},
    {.at_least = 0.10, .background = 221, .foreground = 16},
    {.at_least = 0.02, .background = 208, .foreground = 16},
    {.at_least = 0.00, .background = 88, .foreground = 231},
}};

// Shades one answer as it comes.
//
// The text of an answer is not its tokens' bytes: it holds whole characters only, comes later where
// a stop string may have begun, and lacks special tokens; and what is no UTF-8 is U+FFFD in it. So
// the text is matched with the bytes, character by character. One that several tokens made gets the
// shade of the least probable of them, and one that no token is found for gets none.
class Shader {
 public:
  // Adds a token whose text comes later. Without its bytes, its text is not shaded.
  void Add(const v1::TokenLogProbs& token);

  // The next part of the text, through Printable() and shaded. REQUIRES: `text` is UTF-8.
  std::string Paint(absl::string_view text);

 private:
  static constexpr int kNone = -1;  // otherwise an index into kShades

  struct Token {
    std::string bytes;  // those whose text has not come
    int shade;
  };

  // Takes the bytes of `character` from the tokens, and gives their shade.
  int Take(absl::string_view character);
  int TakeInvalid();
  int TakeBytes(std::size_t count);
  bool BytesBegin(std::size_t token, absl::string_view character) const;

  std::deque<Token> tokens_;
};

// What the shades mean, on one line, each in its own colours.
std::string ShadingLegend();

}  // namespace cascade::cli
