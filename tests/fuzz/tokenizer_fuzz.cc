// SPDX-License-Identifier: Apache-2.0
// Any bytes survive encoding and decoding, and no text makes a special token of itself.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/tokenizer/tokenizer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/source_path.h"

namespace cascade::model {
namespace {

Tokenizer Load() {
  absl::StatusOr<Tokenizer> tokenizer = Tokenizer::Load(testing::BundledModelFolder());
  FUZZ_EXPECT(tokenizer.ok());
  return *std::move(tokenizer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Tokenizer tokenizer = Load();
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto mode : {SpecialTokens::kAsText, SpecialTokens::kAsToken}) {
    const absl::StatusOr<std::vector<TokenId>> ids = tokenizer.Encode(text, mode);
    FUZZ_EXPECT(ids.ok());
    FUZZ_EXPECT(tokenizer.Decode(*ids) == text);
    for (const TokenId id : *ids) {
      FUZZ_EXPECT(mode == SpecialTokens::kAsToken || !tokenizer.IsSpecial(id));
    }
  }
  return 0;
}

}  // namespace cascade::model
