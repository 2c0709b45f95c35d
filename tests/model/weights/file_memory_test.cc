// SPDX-License-Identifier: Apache-2.0

#include "model/weights/file_memory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

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

std::string TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string TextOf(const FileMemory& file) { return TextOf(file.bytes()); }

class FileMemoryTest : public ::testing::Test {
 protected:
  std::string Path() const { return folder_.PathOf("f"); }

  FileMemory Open(const std::string& contents) const {
    folder_.WriteFile("f", contents);
    return FileMemory::Open(Path()).value();
  }

  const TempDir folder_;
};

TEST_F(FileMemoryTest, HasTheBytesThatWereRead) {
  const FileMemory file = Open("contents");
  ASSERT_THAT(file.Read(file.bytes().subspan(3, 2)), IsOk());
  EXPECT_EQ(TextOf(file), std::string("\0\0\0te\0\0\0", 8));
  ASSERT_THAT(file.Read(file.bytes()), IsOk());
  EXPECT_EQ(TextOf(file), "contents");
}

TEST_F(FileMemoryTest, FollowsLinks) {  // as the folders of Hugging Face's download cache need
  Open("contents");
  std::filesystem::create_symlink(Path(), folder_.PathOf("link"));
  const FileMemory file = FileMemory::Open(folder_.PathOf("link")).value();
  ASSERT_THAT(file.Read(file.bytes()), IsOk());
  EXPECT_EQ(TextOf(file), "contents");
}

TEST_F(FileMemoryTest, MovesWithItsBytes) {
  FileMemory a = Open("first");
  ASSERT_THAT(a.Read(a.bytes()), IsOk());
  FileMemory b = std::move(a);
  EXPECT_EQ(TextOf(b), "first");
  folder_.WriteFile("other", "second");
  b = FileMemory::Open(folder_.PathOf("other")).value();
  ASSERT_THAT(b.Read(b.bytes()), IsOk());
  EXPECT_EQ(TextOf(b), "second");
}

TEST_F(FileMemoryTest, ReadsTheSameFileAfterAnotherTookItsName) {
  const FileMemory file = Open("contents");
  folder_.WriteFile("new", "newer");
  std::filesystem::rename(folder_.PathOf("new"), Path());
  ASSERT_THAT(file.Read(file.bytes()), IsOk());
  EXPECT_EQ(TextOf(file), "contents");
  EXPECT_THAT(file.CheckUnchanged(), IsOk());
}

TEST_F(FileMemoryTest, ReadsWhatItReleasedAgain) {
  const std::string contents(100'000, 'c');
  const FileMemory file = Open(contents);
  ASSERT_THAT(file.Read(file.bytes()), IsOk());
  file.Release(file.bytes().subspan(17, 50'000));
  file.Release(file.bytes().subspan(17, 1));
  EXPECT_EQ(TextOf(file.bytes().first(100)), contents.substr(0, 100));  // shares a page
  EXPECT_EQ(file.bytes()[20'000], std::byte{0});
  ASSERT_THAT(file.Read(file.bytes()), IsOk());
  EXPECT_EQ(TextOf(file), contents);
}

TEST_F(FileMemoryTest, ATruncatedFileIsAnErrorAndSoIsAWrittenOne) {
  const FileMemory file = Open(std::string(100'000, 'c'));
  EXPECT_THAT(file.CheckUnchanged(), IsOk());
  std::filesystem::resize_file(Path(), 60'000);
  EXPECT_THAT(file.Read(file.bytes()),
              Refuses(absl::StatusCode::kDataLoss, Parts{Path(), "truncated", "60000"}));
  EXPECT_THAT(file.CheckUnchanged(), Refuses(absl::StatusCode::kDataLoss, Parts{Path()}));

  const FileMemory written = Open(std::string(100'000, 'c'));
  std::fstream(Path(), std::ios::in | std::ios::out) << "d";
  EXPECT_THAT(written.CheckUnchanged(),
              Refuses(absl::StatusCode::kDataLoss, Parts{Path(), "was written"}));
}

TEST_F(FileMemoryTest, SaysWhatIsNoFile) {
  folder_.WriteFile("empty", "");
  ASSERT_EQ(mkfifo(folder_.PathOf("pipe").c_str(), 0600), 0);
  EXPECT_THAT(FileMemory::Open(folder_.PathOf("none")),
              Refuses(absl::StatusCode::kNotFound, Parts{folder_.PathOf("none")}));
  EXPECT_THAT(FileMemory::Open(folder_.path()), IsInvalid({folder_.path(), "not a regular file"}));
  EXPECT_THAT(FileMemory::Open(folder_.PathOf("pipe")), IsInvalid({"pipe", "not a regular file"}));
  EXPECT_THAT(FileMemory::Open(folder_.PathOf("empty")), IsInvalid({"empty", "empty file"}));
}

TEST_F(FileMemoryTest, SaysWhatMayNotBeRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  Open("contents");
  ASSERT_EQ(chmod(Path().c_str(), 0), 0);
  EXPECT_THAT(FileMemory::Open(Path()),
              Refuses(absl::StatusCode::kPermissionDenied, Parts{Path()}));
}

// As FileMemory::Share, but skips the test where the file system knows no leases.
#define SHARE_OR_SKIP(file)                                       \
  if (const absl::Status shared = (file).Share(); !shared.ok()) { \
    GTEST_SKIP() << shared;                                       \
  }

TEST_F(FileMemoryTest, IsSharedWithoutAWriter) {
  FileMemory file = Open(std::string(100'000, 'c'));
  SHARE_OR_SKIP(file);
  EXPECT_EQ(TextOf(file), std::string(100'000, 'c'));
  EXPECT_FALSE(file.WriterWaits());
  const FileMemory reader = FileMemory::Open(Path()).value();  // readers do not disturb it
  ASSERT_THAT(reader.Read(reader.bytes()), IsOk());
  EXPECT_FALSE(file.WriterWaits());
}

TEST_F(FileMemoryTest, IsNotSharedWhileAnotherHasItOpenForWriting) {
  FileMemory file = Open("contents");
  const int writer = open(Path().c_str(), O_RDWR | O_CLOEXEC);
  EXPECT_THAT(file.Share(),
              Refuses(absl::StatusCode::kFailedPrecondition, Parts{Path(), "no lease"}));
  EXPECT_FALSE(file.WriterWaits());
  ASSERT_THAT(file.Read(file.bytes()), IsOk());  // it is as it was
  EXPECT_EQ(TextOf(file), "contents");
  close(writer);
}

TEST_F(FileMemoryTest, IsNotSharedOnceItWasWritten) {
  FileMemory file = Open("contents");
  std::fstream(Path(), std::ios::in | std::ios::out) << "C";
  EXPECT_FALSE(file.Share().ok());
  const int writer = open(Path().c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
  EXPECT_GE(writer, 0) << "a lease was left behind";
  close(writer);
}

TEST_F(FileMemoryTest, AWriterWaitsUntilThereIsACopyThatItCannotReach) {
  const std::string contents(10'000'000, 'c');
  FileMemory file = Open(contents);
  SHARE_OR_SKIP(file);
  const int refused = open(Path().c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
  EXPECT_EQ(refused, -1);
  EXPECT_EQ(errno, EWOULDBLOCK);
  EXPECT_TRUE(file.WriterWaits());

  std::thread writer([&] { std::filesystem::resize_file(Path(), 0); });  // waits for the copy
  const std::byte* const before = file.bytes().data();
  ASSERT_THAT(file.MakePrivate(), IsOk());
  writer.join();
  EXPECT_EQ(std::filesystem::file_size(Path()), 0U);
  EXPECT_EQ(file.bytes().data(), before);
  EXPECT_EQ(TextOf(file), contents);
  EXPECT_FALSE(file.WriterWaits());
}

TEST_F(FileMemoryTest, ReadersSeeTheSameBytesWhileItIsCopied) {
  const std::string contents(10'000'000, 'c');
  FileMemory file = Open(contents);
  SHARE_OR_SKIP(file);
  std::atomic<bool> done = false;
  std::size_t other = 0;
  std::thread reader([&] {
    while (!done) {
      for (std::size_t i = 0; i < contents.size(); i += 4096) {
        if (file.bytes()[i] != std::byte{'c'}) ++other;
      }
    }
  });
  EXPECT_THAT(file.MakePrivate(), IsOk());
  done = true;
  reader.join();
  EXPECT_EQ(other, 0U);
}

}  // namespace
}  // namespace cascade::model
