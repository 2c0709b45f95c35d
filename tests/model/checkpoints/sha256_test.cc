// SPDX-License-Identifier: Apache-2.0
// The examples of FIPS 180-4, and every way in which a message can end.
#include "model/checkpoints/sha256.h"

#include <set>
#include <span>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace cascade::model {
namespace {

std::string HashOf(const std::string& text) { return Sha256(std::as_bytes(std::span(text))); }

TEST(Sha256Test, GivesThePublishedHashes) {
  EXPECT_EQ(HashOf(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HashOf("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HashOf("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(HashOf(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, EveryLengthHasAHashOfItsOwn) {
  std::set<std::string> hashes;
  for (std::size_t size = 0; size < 200; ++size) hashes.insert(HashOf(std::string(size, '\0')));
  EXPECT_EQ(hashes.size(), 200U);
}

TEST(Sha256Test, ReadsAFile) {
  const testing::TempDir folder;
  folder.WriteFile("abc", "abc");
  const absl::StatusOr<std::string> hash = Sha256OfFile(folder.PathOf("abc"));
  ASSERT_THAT(hash, testing::IsOk());
  EXPECT_EQ(*hash, HashOf("abc"));
  EXPECT_FALSE(Sha256OfFile(folder.PathOf("missing")).ok());
}

}  // namespace
}  // namespace cascade::model
