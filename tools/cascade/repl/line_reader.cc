// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/repl/line_reader.h"

#include <utility>

#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

class PlainReader : public LineReader {
 public:
  explicit PlainReader(std::istream& in) : in_(in) {}

 protected:
  Outcome ReadLine(absl::string_view /*prompt*/, std::string& line) override {
    line.clear();
    int byte = in_.get();
    if (byte == std::istream::traits_type::eof()) return Outcome::kEnd;
    for (; byte != '\n' && byte != std::istream::traits_type::eof(); byte = in_.get()) {
      // An endless line must not fill the memory.
      if (line.size() <= kMaxTextBytes) line += static_cast<char>(byte);
    }
    return Outcome::kLine;
  }

 private:
  std::istream& in_;
};

}  // namespace

std::optional<std::string> LineReader::Read() {
  std::string text;
  std::string line;
  bool goes_on = false;
  while (true) {
    switch (ReadLine(goes_on ? ". " : "> ", line)) {
      case Outcome::kEnd:
        if (goes_on) return text;
        return std::nullopt;
      case Outcome::kDiscarded:
        text.clear();
        goes_on = false;
        continue;
      case Outcome::kLine:
        break;
    }
    goes_on = line.ends_with('\\');
    if (goes_on) line.back() = '\n';
    if (text.size() <= kMaxTextBytes) text += line;
    if (!goes_on) break;
  }
  if (text.size() > kMaxTextBytes) text.resize(kMaxTextBytes + 1);
  return text;
}

std::unique_ptr<LineReader> MakePlainReader(std::istream& in) {
  return std::make_unique<PlainReader>(in);
}

}  // namespace cascade::cli
