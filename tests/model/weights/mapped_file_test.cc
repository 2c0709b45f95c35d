// SPDX-License-Identifier: Apache-2.0

#include "model/weights/mapped_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace cascade::model {
namespace {

using cascade::testing::IsInvalid;
using cascade::testing::IsOk;
using cascade::testing::Refuses;
using cascade::testing::TempDir;
using Parts = std::vector<std::string>;

std::string TextOf(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

TEST(MappedFileTest, HasTheFilesBytes) {
  const TempDir folder;
  folder.WriteFile("f", "contents");
  const auto file = MappedFile::Open(folder.PathOf("f"));
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(TextOf(*file), "contents");
}

TEST(MappedFileTest, FollowsLinks) {  // as the folders of Hugging Face's download cache need
  const TempDir folder;
  folder.WriteFile("f", "contents");
  std::filesystem::create_symlink(folder.PathOf("f"), folder.PathOf("link"));
  EXPECT_EQ(TextOf(MappedFile::Open(folder.PathOf("link")).value()), "contents");
}

TEST(MappedFileTest, MovesWithItsBytes) {
  const TempDir folder;
  folder.WriteFile("a", "first");
  folder.WriteFile("b", "second");
  MappedFile a = MappedFile::Open(folder.PathOf("a")).value();
  MappedFile b = std::move(a);
  EXPECT_EQ(TextOf(b), "first");
  b = MappedFile::Open(folder.PathOf("b")).value();
  EXPECT_EQ(TextOf(b), "second");
}

TEST(MappedFileTest, OutlivesTheFilesName) {
  const TempDir folder;
  folder.WriteFile("f", "contents");
  const MappedFile file = MappedFile::Open(folder.PathOf("f")).value();
  std::filesystem::remove(folder.PathOf("f"));
  EXPECT_EQ(TextOf(file), "contents");
}

TEST(MappedFileTest, ReadsTheSameAfterRelease) {
  const TempDir folder;
  const std::string contents(100'000, 'c');
  folder.WriteFile("f", contents);
  const MappedFile file = MappedFile::Open(folder.PathOf("f")).value();
  file.Release(file.bytes());
  file.Release(file.bytes().subspan(17, 50'000));
  file.Release(file.bytes().subspan(17, 1));
  EXPECT_EQ(TextOf(file), contents);
}

TEST(MappedFileTest, SaysWhatIsNoFile) {
  const TempDir folder;
  folder.WriteFile("empty", "");
  ASSERT_EQ(mkfifo(folder.PathOf("pipe").c_str(), 0600), 0);
  EXPECT_THAT(MappedFile::Open(folder.PathOf("none")),
              Refuses(absl::StatusCode::kNotFound, Parts{folder.PathOf("none")}));
  EXPECT_THAT(MappedFile::Open(folder.path()), IsInvalid({folder.path(), "not a regular file"}));
  EXPECT_THAT(MappedFile::Open(folder.PathOf("pipe")), IsInvalid({"pipe", "not a regular file"}));
  EXPECT_THAT(MappedFile::Open(folder.PathOf("empty")), IsInvalid({"empty", "empty file"}));
}

TEST(MappedFileTest, SaysWhatMayNotBeRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const TempDir folder;
  folder.WriteFile("secret", "contents");
  ASSERT_EQ(chmod(folder.PathOf("secret").c_str(), 0), 0);
  EXPECT_THAT(MappedFile::Open(folder.PathOf("secret")),
              Refuses(absl::StatusCode::kPermissionDenied, Parts{folder.PathOf("secret")}));
}

}  // namespace
}  // namespace cascade::model
