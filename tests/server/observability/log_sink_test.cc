// SPDX-License-Identifier: Apache-2.0
// The sink and its writer, in front of a pipe whose reader has stopped.
#include "server/observability/log_sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

// A pipe of the smallest size. Nobody reads it but ReadLine.
class Pipe {
 public:
  Pipe() {
    EXPECT_EQ(pipe2(ends_, O_CLOEXEC), 0);
    fcntl(ends_[1], F_SETPIPE_SZ, 4096);
  }
  ~Pipe() {
    CloseReader();
    close(ends_[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  // Makes a write to it wait.
  void Fill() const {
    fcntl(ends_[1], F_SETFL, O_NONBLOCK);
    while (write(ends_[1], "\n", 1) == 1) {
    }
    fcntl(ends_[1], F_SETFL, 0);
  }

  // The next line that is not empty.
  std::string ReadLine() const {
    std::string line;
    for (char c = 0; read(ends_[0], &c, 1) == 1;) {
      if (c != '\n') line += c;
      if (c == '\n' && !line.empty()) break;
    }
    return line;
  }

  void CloseReader() {
    if (ends_[0] >= 0) close(ends_[0]);
    ends_[0] = -1;
  }

  int writer() const { return ends_[1]; }

 private:
  int ends_[2] = {-1, -1};
};

void LogTo(LogSink& sink, const std::string& text) { sink.log({"", spdlog::level::info, text}); }

TEST(LineWriterTest, WritesInOrderAndFlushes) {
  const Pipe pipe;
  LineWriter writer(pipe.writer(), {});
  EXPECT_TRUE(writer.TryPush("first\n"));
  EXPECT_TRUE(writer.TryPush("second\n"));
  EXPECT_TRUE(writer.Flush());
  EXPECT_EQ(pipe.ReadLine(), "first");
  EXPECT_EQ(pipe.ReadLine(), "second");
}

TEST(LineWriterTest, ALineLongerThanThePipeArrivesWhole) {
  const Pipe pipe;
  LineWriter writer(pipe.writer(), {});
  const std::string line(100'000, 'x');
  EXPECT_TRUE(writer.TryPush(line + "\n"));
  EXPECT_EQ(pipe.ReadLine(), line);
}

TEST(LineWriterTest, ANonBlockingDescriptorLosesNothing) {
  const Pipe pipe;
  fcntl(pipe.writer(), F_SETFL, O_NONBLOCK);
  LineWriter writer(pipe.writer(), {});
  for (int i = 0; i < 2000; ++i) EXPECT_TRUE(writer.TryPush(absl::StrCat("line ", i, "\n")));
  for (int i = 0; i < 2000; ++i) EXPECT_EQ(pipe.ReadLine(), absl::StrCat("line ", i));
  EXPECT_EQ(writer.TakeFailed(), 0U);
}

TEST(LineWriterTest, BoundsTheLinesThatWait) {
  Pipe pipe;
  pipe.Fill();
  LineWriter writer(pipe.writer(), {.lines = 3, .bytes = 1000});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(writer.TryPush("x\n"));
  EXPECT_FALSE(writer.TryPush("x\n"));
  pipe.CloseReader();
}

TEST(LineWriterTest, BoundsTheBytesThatWait) {
  Pipe pipe;
  pipe.Fill();
  LineWriter writer(pipe.writer(), {.lines = 1000, .bytes = 10});
  EXPECT_TRUE(writer.TryPush("1234\n"));
  EXPECT_FALSE(writer.TryPush("12345\n"));
  EXPECT_TRUE(writer.TryPush("1234\n"));
  EXPECT_FALSE(writer.TryPush("\n"));
  pipe.CloseReader();
}

TEST(LineWriterTest, NeitherFlushNorTheDestructorWaitsForAReaderThatHasStopped) {
  const Pipe pipe;
  pipe.Fill();
  {
    LineWriter writer(pipe.writer(), {});
    EXPECT_TRUE(writer.TryPush("x\n"));
    EXPECT_FALSE(writer.Flush());
  }
  EXPECT_EQ(pipe.ReadLine(), "x");  // the thread goes on by itself
}

TEST(LineWriterTest, CountsWhatAReaderThatHasGoneDidNotGet) {
  Pipe pipe;
  pipe.CloseReader();
  LineWriter writer(pipe.writer(), {});
  EXPECT_TRUE(writer.TryPush("x\n"));
  EXPECT_TRUE(writer.TryPush("x\n"));
  EXPECT_TRUE(writer.Flush());
  EXPECT_EQ(writer.TakeFailed(), 2U);
}

TEST(LogSinkTest, TheNextLineThatFitsComesAfterTheNumberOfThoseDropped) {
  const Pipe pipe;
  pipe.Fill();
  LogSink sink(pipe.writer(), LogFormat::kText, {.lines = 3, .bytes = 1 << 20});
  sink.set_pattern("%l %v");
  for (int i = 0; i < 8; ++i) LogTo(sink, absl::StrCat(i));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pipe.ReadLine(), absl::StrCat("info ", i));
  EXPECT_TRUE(sink.Flush());
  LogTo(sink, "8");
  EXPECT_EQ(pipe.ReadLine(), "warning log lines dropped lines=5");
  EXPECT_EQ(pipe.ReadLine(), "info 8");
}

TEST(LogSinkTest, TheEndReportsWhatWasDropped) {
  const Pipe pipe;
  pipe.Fill();
  {
    LogSink sink(pipe.writer(), LogFormat::kJson, {.lines = 1, .bytes = 1 << 20});
    sink.set_pattern("{%v}");
    for (int i = 0; i < 4; ++i) LogTo(sink, absl::StrCat(i));
    EXPECT_EQ(pipe.ReadLine(), "{0}");
    EXPECT_TRUE(sink.Flush());
  }
  EXPECT_EQ(pipe.ReadLine(), R"({"message":"log lines dropped","lines":3})");
}

// Every line arrives or is counted, whoever logs and however the reader pauses.
TEST(LogSinkTest, ManyThreadsAndAReaderThatIsSlow) {
  constexpr int kThreads = 4;
  constexpr int kLines = 5000;
  const Pipe pipe;
  auto sink = std::make_unique<LogSink>(pipe.writer(), LogFormat::kText,
                                        LineWriter::Bounds{.lines = 64, .bytes = 1 << 20});
  sink->set_pattern("%v");
  int arrived = 0;
  int dropped = 0;
  std::thread reader([&] {
    for (std::string line = pipe.ReadLine(); line != "end"; line = pipe.ReadLine()) {
      const std::vector<std::string> parts = absl::StrSplit(line, "lines=");
      if (parts.size() == 2) dropped += std::stoi(parts[1]);
      if (parts.size() == 1) ++arrived;
    }
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&sink] {
      for (int i = 0; i < kLines; ++i) LogTo(*sink, absl::StrCat(i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  while (!sink->Flush()) {
  }
  LogTo(*sink, "end");
  reader.join();
  EXPECT_EQ(arrived + dropped, kThreads * kLines);
  EXPECT_GT(arrived, 0);
}

}  // namespace
}  // namespace cascade::server
