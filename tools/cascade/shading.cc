// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/shading.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

bool IsContinuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80; }

std::string Begin(const Shade& shade) {
  return absl::StrFormat("\x1b[38;5;%d;48;5;%dm", shade.foreground, shade.background);
}

constexpr absl::string_view kEnd = "\x1b[0m";

// `text` in the colours of `shade`. A newline stays plain: a terminal may fill the rest of its line
// with the background.
void AppendShaded(const Shade& shade, absl::string_view text, std::string& out) {
  while (!text.empty()) {
    const std::size_t line = std::min(text.find('\n'), text.size());
    if (line > 0) absl::StrAppend(&out, Begin(shade), Printable(text.substr(0, line)), kEnd);
    if (line < text.size()) out += '\n';
    text.remove_prefix(std::min(line + 1, text.size()));
  }
}

}  // namespace

void Shader::Add(const v1::TokenLogProbs& token) {
  if (token.token().empty()) return;
  const double probability = std::exp(static_cast<double>(token.logprob()));
  int shade = kNone;
  if (!(probability >= kUnshaded)) {
    shade = 0;
    for (const Shade& candidate : kShades) {
      if (probability >= candidate.at_least) break;
      ++shade;
    }
    shade = std::min(shade, static_cast<int>(kShades.size()) - 1);
  }
  tokens_.push_back({.bytes = token.token(), .shade = shade});
}

std::string Shader::Paint(absl::string_view text) {
  std::string out;
  std::size_t begin = 0;  // of what has the same shade
  int shade_before = kNone;
  const auto append = [&](std::size_t end) {
    const absl::string_view part = text.substr(begin, end - begin);
    if (shade_before == kNone) {
      absl::StrAppend(&out, Printable(part));
    } else {
      AppendShaded(kShades[static_cast<std::size_t>(shade_before)], part, out);
    }
    begin = end;
  };
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = std::max<std::size_t>(1, CharacterLength(text, i));
    const int shade = Take(text.substr(i, length));
    if (shade != shade_before) append(i);
    shade_before = shade;
    i += length;
  }
  append(text.size());
  return out;
}

int Shader::Take(absl::string_view character) {
  if (BytesBegin(0, character)) return TakeBytes(character.size());
  if (character == kReplacement) return TakeInvalid();
  // The tokens up to the next one that has the character are not part of the text.
  for (std::size_t token = 1; token < tokens_.size(); ++token) {
    if (!BytesBegin(token, character)) continue;
    tokens_.erase(tokens_.begin(), tokens_.begin() + static_cast<std::ptrdiff_t>(token));
    return TakeBytes(character.size());
  }
  return kNone;
}

// A U+FFFD stands for a byte that begins no character, or for the beginning of one.
int Shader::TakeInvalid() {
  if (tokens_.empty()) return kNone;
  const bool is_lead = !IsContinuation(tokens_.front().bytes.front());
  int shade = TakeBytes(1);
  while (is_lead && !tokens_.empty() && IsContinuation(tokens_.front().bytes.front())) {
    shade = std::max(shade, TakeBytes(1));
  }
  return shade;
}

// REQUIRES: the tokens have as many bytes.
int Shader::TakeBytes(std::size_t count) {
  int shade = kNone;
  while (count > 0) {
    Token& token = tokens_.front();
    shade = std::max(shade, token.shade);
    const std::size_t taken = std::min(count, token.bytes.size());
    token.bytes.erase(0, taken);
    count -= taken;
    if (token.bytes.empty()) tokens_.pop_front();
  }
  return shade;
}

// Whether the bytes from `token` on begin with `character`.
bool Shader::BytesBegin(std::size_t token, absl::string_view character) const {
  while (!character.empty() && token < tokens_.size()) {
    const absl::string_view bytes = tokens_[token].bytes;
    const std::size_t common = std::min(bytes.size(), character.size());
    if (bytes.substr(0, common) != character.substr(0, common)) return false;
    character.remove_prefix(common);
    ++token;
  }
  return character.empty();
}

std::string ShadingLegend() {
  const auto percent = [](double share) { return std::lround(100 * share); };
  std::string legend =
      absl::StrFormat("[probability of a token: %d%% or more, plain;", percent(kUnshaded));
  double above = kUnshaded;
  for (const Shade& shade : kShades) {
    const std::string range = shade.at_least > 0
                                  ? absl::StrFormat(" %d%%+ ", percent(shade.at_least))
                                  : absl::StrFormat(" below %d%% ", percent(above));
    absl::StrAppend(&legend, " ", Begin(shade), range, kEnd);
    above = shade.at_least;
  }
  return absl::StrCat(legend, "]\n");
}

}  // namespace cascade::cli
