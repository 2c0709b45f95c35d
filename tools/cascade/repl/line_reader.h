// SPDX-License-Identifier: Apache-2.0
// Reads what a user types, line by line.
#pragma once

#include <cstdio>
#include <istream>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace cascade::cli {

class LineReader {
 public:
  virtual ~LineReader() = default;

  // The next text: a line, and those after it as long as each ends with a backslash, which stands
  // for the newline. Without a newline at its end. nullopt at the end of the input. Of more than
  // kMaxTextBytes, the first kMaxTextBytes + 1.
  std::optional<std::string> Read();

 protected:
  enum class Outcome { kLine, kEnd, kDiscarded };

  // Reads one line into `line`, without its newline. kDiscarded: the user wants to begin again.
  virtual Outcome ReadLine(absl::string_view prompt, std::string& line) = 0;
};

// For what is not a terminal: no prompt, no editing. Borrows `in`.
std::unique_ptr<LineReader> MakePlainReader(std::istream& in);

// For a terminal: lines can be edited, Ctrl-C discards one, and earlier ones come back from the
// history. That is kept in `history_file`, if it is not empty and can be written; only its owner
// can read it. Borrows the files. Sets the locale of the process, which says how a terminal writes
// characters.
std::unique_ptr<LineReader> MakeLineEditor(std::FILE* in, std::FILE* out, std::string history_file);

// $XDG_STATE_HOME/cascade/history or ~/.local/state/cascade/history, its folders made; empty if
// they cannot be.
std::string HistoryFile();

}  // namespace cascade::cli
