// SPDX-License-Identifier: Apache-2.0
// From the bytes of tokens to text that may be sent: whole UTF-8 characters only.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace cascade::model {

// Takes bytes in any pieces and returns valid UTF-8. The bytes of an incomplete character are held
// until it is complete. Bytes that cannot be part of a character become U+FFFD, one for each
// maximal subpart of an ill-formed sequence (Unicode 15, section 3.9, and Python's
// errors="replace"), so the concatenated output equals the one-shot decoding of all bytes, however
// they were cut.
//
// Not thread-safe.
class Utf8Stream {
 public:
  // Returns the text that `bytes` completes; may be empty.
  std::string Push(absl::string_view bytes);

  // Ends the stream. Returns one U+FFFD if an incomplete character is still held, else nothing.
  std::string Flush();

 private:
  std::string held_;  // 0 to 3 bytes, a proper prefix of a character
};

}  // namespace cascade::model
