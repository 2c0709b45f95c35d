// SPDX-License-Identifier: Apache-2.0

#include "server/bus_error.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace cascade::server {
namespace {

TEST(BusErrorDeathTest, AMappedFileThatIsTruncatedIsOneLine) {
  const testing::TempDir folder;
  folder.WriteFile("f", std::string(100'000, 'x'));
  const int file = open(folder.PathOf("f").c_str(), O_RDWR | O_CLOEXEC);
  const void* const mapped = mmap(nullptr, 100'000, PROT_READ, MAP_SHARED, file, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  ASSERT_EQ(ftruncate(file, 0), 0);
  const auto read_it = [mapped] {
    ExplainBusErrors();
    const volatile char* const bytes = static_cast<const char*>(mapped);
    std::exit(bytes[50'000]);
  };
  EXPECT_EXIT(read_it(), ::testing::ExitedWithCode(1), "^cascade-server: a mapped file.*\n$");
  close(file);
}

TEST(BusErrorDeathTest, AnyOtherEndsTheProcessAsBefore) {
  const auto raise_it = [] {
    ExplainBusErrors();
    raise(SIGBUS);
  };
  EXPECT_EXIT(raise_it(), ::testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace cascade::server
